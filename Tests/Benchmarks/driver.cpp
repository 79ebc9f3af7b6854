// Plays osqueryd for one extension, over Apache Thrift's C++ library, which osqueryd itself is built with: two connections a
// plugin call, one for a ping and one for the call.
//
//   driver SOCKET COMMAND [ARGUMENT]…    starts COMMAND … --socket SOCKET --timeout 3 --interval 3
//
// Then a command a line on standard input, and a JSON object a line in answer:
//
//   results COUNT SIZE CALLERS   results of SIZE bytes, from so many threads at once
//   status COUNT BATCH           status lines, BATCH a call
//   snapshot COUNT BYTES         snapshots
//   table COUNT                  scans of the table systemd
//   connect COUNT                opens connections and keeps them; 0 closes them
//   memory                       the extension's memory, threads and context switches
//   end                          shutdown

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include <thrift/TOutput.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include "ExtensionManager.h"
#include "status.h"

using namespace apache::thrift;
using namespace peer;

static const int64_t uuid = 7000;
static double registeredAt = 0;

static double now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time;
  if (clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

class Manager : public ExtensionManagerIf {
 public:
  void ping(ExtensionStatus& status) override { succeed(status); }
  void shutdown() override {}
  void call(ExtensionResponse& response, const std::string&, const std::string&,
            const std::map<std::string, std::string>&) override {
    response.status.__set_code(1);
  }
  void extensions(std::map<int64_t, InternalExtensionInfo>& all) override { all[uuid] = InternalExtensionInfo(); }
  void options(std::map<std::string, InternalOptionInfo>& all) override {
    all["logger_plugin"].__set_value("journal");
  }
  void registerExtension(
      ExtensionStatus& status, const InternalExtensionInfo&,
      const std::map<std::string, std::map<std::string, std::vector<std::map<std::string, std::string>>>>&) override {
    registeredAt = now();
    succeed(status, uuid);
  }
  void deregisterExtension(ExtensionStatus& status, const int64_t) override { succeed(status); }
  void query(ExtensionResponse& response, const std::string&) override { succeed(response.status); }
  void getQueryColumns(ExtensionResponse& response, const std::string&) override { succeed(response.status); }
};

static std::string extensionSocket;
static pid_t extensionPid;
static clockid_t extensionClock;

struct Connection {
  std::shared_ptr<transport::TSocket> socket = std::make_shared<transport::TSocket>(extensionSocket);
  std::shared_ptr<transport::TBufferedTransport> buffered = std::make_shared<transport::TBufferedTransport>(socket);
  ExtensionClient client{std::make_shared<protocol::TBinaryProtocol>(buffered)};
  Connection() { buffered->open(); }
  ~Connection() { buffered->close(); }
};

// As osqueryd does it (osquery: extensions/extensions.cpp, callExtension); milliseconds from the first connect to the answer.
static double callPlugin(const char* registry, const char* item, const std::map<std::string, std::string>& request,
                         size_t* rows = nullptr) {
  const double begin = now();
  {
    Connection connection;
    ExtensionStatus status;
    connection.client.ping(status);
  }
  Connection connection;
  ExtensionResponse response;
  connection.client.call(response, registry, item, request);
  const double end = now();
  if (response.status.code != 0) {
    std::cerr << "The extension answered: " << response.status.message << std::endl;
    exit(1);
  }
  if (rows) *rows = response.response.size();
  return end - begin;
}

static const char resultHead[] =
    "{\"name\":\"bench\",\"hostIdentifier\":\"web-01\",\"calendarTime\":\"Mon Nov 23 09:34:12 2026 UTC\",\"unixTime\":1795426452,"
    "\"epoch\":0,\"counter\":";

static std::string result(long number, size_t size) {
  std::string text = std::string(resultHead) + std::to_string(number) + ",\"numerics\":false,\"columns\":{\"padding\":\"";
  const std::string tail = "\"},\"action\":\"added\"}";
  if (size > text.size() + tail.size()) text.append(size - text.size() - tail.size(), 'x');
  return text + tail;
}

static std::string statusLines(long number, int batch) {
  std::string text = "[";
  for (int line = 0; line < batch; line++) {
    if (line) text += ",";
    text += "{\"s\":0,\"f\":\"scheduler.cpp\",\"i\":120,\"m\":\"Executing scheduled query bench: select " +
            std::to_string(number + line) +
            "\",\"h\":\"web-01\",\"c\":\"Mon Nov 23 09:34:14 2026 UTC\",\"u\":1795426454}";
  }
  return text + "]";
}

static std::string snapshot(size_t size) {
  std::string text = "{\"snapshot\":[";
  const std::string row = "{\"name\":\"systemd-journald.service\",\"pid\":\"312\",\"path\":\"/usr/lib/systemd/systemd-journald\"}";
  while (text.size() + row.size() + 300 < size) text += (text.size() > 13 ? "," : "") + row;
  return text + "],\"action\":\"snapshot\",\"name\":\"bench\",\"hostIdentifier\":\"web-01\",\"calendarTime\":\"Mon Nov 23 09:34:12 "
                "2026 UTC\",\"unixTime\":1795426452,\"epoch\":0,\"counter\":0,\"numerics\":false}";
}

// What `count` calls cost, `weight` lines each, with `distinct` requests in turn.
template <typename Make>
static void measure(long count, int callers, int weight, long distinct, Make makeRequest, const char* registry = "logger",
                    const char* item = "journal", size_t* rows = nullptr) {
  std::vector<std::map<std::string, std::string>> requests;
  for (long number = 0; number < std::min(count, distinct); number++) requests.push_back(makeRequest(number));
  std::vector<std::vector<double>> times(callers);
  const double cpu = now(extensionClock), begin = now();
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; caller++) {
    times[caller].reserve(count / callers + 1);
    threads.emplace_back([&, caller] {
      for (long number = caller; number < count; number += callers)
        times[caller].push_back(callPlugin(registry, item, requests[number % requests.size()], rows));
    });
  }
  for (auto& thread : threads) thread.join();
  const double wall = now() - begin;
  // The last answer has been read; what the extension does after it belongs to the line, too.
  usleep(2000);
  const double used = now(extensionClock) - cpu;
  std::vector<double> all;
  for (auto& part : times) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  const long lines = count * weight;
  std::cout << "{\"lines\":" << lines << ",\"cpu_per_1000\":" << used / lines * 1000 << ",\"cpu_ms\":" << used
            << ",\"wall_ms\":" << wall << ",\"lines_per_s\":" << lines / wall * 1000 << ",\"latency_us\":{";
  bool first = true;
  for (double quantile : {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999}) {
    std::cout << (first ? "" : ",") << "\"" << quantile * 100 << "\":" << all[size_t(quantile * (all.size() - 1))] * 1000;
    first = false;
  }
  std::cout << "}";
  if (rows) std::cout << ",\"rows\":" << *rows;
  std::cout << "}" << std::endl;
}

static void printMemory() {
  std::ifstream file("/proc/" + std::to_string(extensionPid) + "/status");
  std::string line;
  std::cout << "{\"pid\":" << extensionPid;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    long value;
    words >> name >> value;
    for (const char* wanted : {"VmRSS:", "VmHWM:", "RssAnon:", "RssFile:", "Threads:", "voluntary_ctxt_switches:",
                               "nonvoluntary_ctxt_switches:"})
      if (name == wanted) std::cout << ",\"" << name.substr(0, name.size() - 1) << "\":" << value;
  }
  std::cout << "}" << std::endl;
}

static bool waitForSocket(const std::string& path) {
  for (int tries = 0; tries < 50000; tries++) {
    if (access(path.c_str(), F_OK) == 0) return true;
    usleep(100);
  }
  return false;
}

int main(int count, char** arguments) {
  if (count < 3) return 64;
  signal(SIGPIPE, SIG_IGN);
  // A connect before there is a listener is tried again, and nothing to be told of.
  GlobalOutput.setOutputFunction([](const char*) {});
  unlink(arguments[1]);
  const std::string path = arguments[1];
  auto server = std::make_shared<server::TThreadedServer>(
      std::make_shared<ExtensionManagerProcessor>(std::make_shared<Manager>()),
      std::make_shared<transport::TServerSocket>(path), std::make_shared<transport::TBufferedTransportFactory>(),
      std::make_shared<protocol::TBinaryProtocolFactory>());
  std::thread([server] { server->serve(); }).detach();
  if (!waitForSocket(path)) return 1;
  std::vector<char*> command(arguments + 2, arguments + count);
  for (const char* flag : {"--socket", path.c_str(), "--timeout", "3", "--interval", "3"})
    command.push_back(const_cast<char*>(flag));
  command.push_back(nullptr);
  const double begin = now();
  extensionPid = vfork();
  if (extensionPid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(command[0], command.data());
    _exit(127);
  }
  extensionSocket = path + "." + std::to_string(uuid);
  if (!waitForSocket(extensionSocket) || clock_getcpuclockid(extensionPid, &extensionClock) != 0) {
    std::cerr << command[0] << " has not registered" << std::endl;
    kill(extensionPid, SIGKILL);
    return 1;
  }
  // The socket's file may be there before somebody listens.
  for (int tries = 0; tries < 1000; tries++) {
    try {
      Connection connection;
      ExtensionStatus status;
      connection.client.ping(status);
      break;
    } catch (const TException&) {
      usleep(1000);
    }
  }
  std::cout << "{\"pid\":" << extensionPid << ",\"start_ms\":" << registeredAt - begin
            << ",\"start_cpu_ms\":" << now(extensionClock) << "}" << std::endl;
  std::vector<std::unique_ptr<Connection>> kept;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string name;
    long number = 0, size = 0;
    int callers = 1;
    words >> name >> number >> size >> callers;
    if (name == "results") {
      measure(number, callers, 1, 5000, [&](long index) -> std::map<std::string, std::string> {
        return {{"category", "event"}, {"string", result(index, size)}};
      });
    } else if (name == "status") {
      measure(number / size, 1, size, 1000, [&](long index) -> std::map<std::string, std::string> {
        return {{"status", "true"}, {"log", statusLines(index * size, size)}};
      });
    } else if (name == "snapshot") {
      measure(number, 1, 1, 1, [&, text = snapshot(size)](long) -> std::map<std::string, std::string> {
        return {{"snapshot", text}};
      });
    } else if (name == "table") {
      size_t rows = 0;
      measure(number, 1, 1, 1, [](long) -> std::map<std::string, std::string> {
        return {{"action", "generate"}, {"context", "{\"constraints\":[]}"}};
      }, "table", "systemd", &rows);
    } else if (name == "connect") {
      kept.clear();
      for (long index = 0; index < number; index++) kept.push_back(std::make_unique<Connection>());
      std::cout << "{}" << std::endl;
    } else if (name == "memory") {
      printMemory();
    } else if (name == "end") {
      break;
    }
  }
  kept.clear();
  try {
    Connection().client.shutdown();
  } catch (const TException&) {
    // It may be gone before it has answered.
  }
  for (int tries = 0; tries < 200; tries++) {
    if (waitpid(extensionPid, nullptr, WNOHANG) != 0) _exit(0);
    usleep(10000);
  }
  kill(extensionPid, SIGKILL);
  _exit(0);
}
