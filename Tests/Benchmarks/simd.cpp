// What simdjson takes for the texts of Micro/main.swift: all members of the outermost object, their values passed over. Prints
// lines of bytes, text and nanoseconds.

#include <chrono>
#include <iostream>

#include <simdjson.h>

static std::string result(size_t size) {
  const std::string head =
      "{\"name\":\"bench\",\"hostIdentifier\":\"web-01\",\"calendarTime\":\"Mon Nov 23 09:34:12 2026 UTC\",\"unixTime\":1795426452,"
      "\"epoch\":0,\"counter\":1234,\"numerics\":false,\"columns\":{\"padding\":\"";
  const std::string tail = "\"},\"action\":\"added\"}";
  return head + std::string(size - head.size() - tail.size(), 'x') + tail;
}

static std::string snapshot(size_t size) {
  const std::string row = "{\"name\":\"systemd-journald.service\",\"pid\":\"312\",\"path\":\"/usr/lib/systemd/systemd-journald\"}";
  std::string text = "{\"snapshot\":[" + row;
  while (text.size() < size) text += "," + row;
  return text + "],\"action\":\"snapshot\",\"name\":\"bench\",\"unixTime\":1795426452,\"numerics\":false}";
}

static void measure(const char* kind, const std::string& text) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(text);
  const int count = text.size() > 1 << 20 ? 40 : 200000;
  size_t members = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int number = 0; number < count; number++) {
    auto document = parser.iterate(padded);
    for (auto field : document.get_object()) members += !field.unescaped_key().error();
  }
  const auto time = std::chrono::steady_clock::now() - begin;
  if (members < size_t(count)) std::exit(1);
  std::cout << text.size() << " " << kind << " " << std::chrono::duration<double, std::nano>(time).count() / count << std::endl;
}

int main() {
  for (size_t size : {size_t(400), size_t(4096), size_t(16) << 20}) measure("result", result(size));
  for (size_t size : {size_t(4096), size_t(16) << 20}) measure("snapshot", snapshot(size));
}
