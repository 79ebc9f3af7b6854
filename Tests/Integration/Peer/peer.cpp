// Apache Thrift's C++ library, which osqueryd itself is built with, on the other end.
//
//   peer manager SOCKET                        plays osqueryd, and prints what it is called with, until it is killed
//   peer call SOCKET REGISTRY ITEM [KEY VALUE]…  a ping and a call, as osqueryd makes them; prints the answer
//   peer shutdown SOCKET

#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include "ExtensionManager.h"
#include "status.h"

using namespace apache::thrift;
using namespace peer;

class Manager : public ExtensionManagerIf {
  std::mutex mutex;
  int64_t next = 7000;
  std::map<int64_t, InternalExtensionInfo> known;

 public:
  void ping(ExtensionStatus& status) override { succeed(status); }
  void shutdown() override {}

  void call(ExtensionResponse& response, const std::string&, const std::string&,
            const std::map<std::string, std::string>&) override {
    response.status.__set_code(1);
  }

  void extensions(std::map<int64_t, InternalExtensionInfo>& all) override {
    std::lock_guard<std::mutex> lock(mutex);
    all = known;
  }

  void options(std::map<std::string, InternalOptionInfo>& all) override {
    InternalOptionInfo info;
    info.value = "journal,planets";
    info.default_value = "filesystem";
    info.type = "string";
    all["logger_plugin"] = info;
  }

  void registerExtension(
      ExtensionStatus& status, const InternalExtensionInfo& info,
      const std::map<std::string, std::map<std::string, std::vector<std::map<std::string, std::string>>>>& registry)
      override {
    std::lock_guard<std::mutex> lock(mutex);
    known[next] = info;
    std::cout << "registered " << info.name << " " << info.version << " " << info.sdk_version;
    for (const auto& plugins : registry)
      for (const auto& plugin : plugins.second)
        std::cout << " " << plugins.first << ":" << plugin.first << ":" << plugin.second.size();
    std::cout << std::endl;
    succeed(status, next++);
  }

  void deregisterExtension(ExtensionStatus& status, const int64_t uuid) override {
    std::lock_guard<std::mutex> lock(mutex);
    std::cout << "deregistered " << uuid << " " << known.erase(uuid) << std::endl;
    succeed(status);
  }

  void query(ExtensionResponse& response, const std::string& sql) override {
    succeed(response.status);
    response.response = {{{"sql", sql}, {"number", "42"}, {"bytes", std::string("\0\xff\n", 3)}}};
  }

  void getQueryColumns(ExtensionResponse& response, const std::string& sql) override {
    if (sql.find("nope") != std::string::npos) {
      response.status.__set_code(1);
      response.status.__set_message("no such column: nope");
      return;
    }
    succeed(response.status);
    response.response = {{{"number", "INTEGER"}}};
  }
};

static ExtensionClient connect(const char* path) {
  auto socket = std::make_shared<transport::TSocket>(path);
  auto buffered = std::make_shared<transport::TBufferedTransport>(socket);
  buffered->open();
  return ExtensionClient(std::make_shared<protocol::TBinaryProtocol>(buffered));
}

int main(int count, char** arguments) {
  if (count < 3) return 64;
  const std::string mode = arguments[1];
  const char* path = arguments[2];
  if (mode == "manager") {
    server::TThreadedServer server(
        std::make_shared<ExtensionManagerProcessor>(std::make_shared<Manager>()),
        std::make_shared<transport::TServerSocket>(path), std::make_shared<transport::TBufferedTransportFactory>(),
        std::make_shared<protocol::TBinaryProtocolFactory>());
    server.serve();
  } else if (mode == "call" && count >= 5) {
    ExtensionStatus status;
    connect(path).ping(status);
    std::cout << "ping " << status.code << " " << status.uuid << std::endl;
    std::map<std::string, std::string> request;
    for (int index = 5; index + 1 < count; index += 2) request[arguments[index]] = arguments[index + 1];
    ExtensionResponse response;
    try {
      connect(path).call(response, arguments[3], arguments[4], request);
    } catch (const TException& error) {
      std::cout << "exception " << error.what() << std::endl;
      return 1;
    }
    std::cout << "call " << response.status.code << " " << response.status.message << std::endl;
    for (const auto& row : response.response) {
      std::cout << "row";
      for (const auto& column : row) std::cout << " " << column.first << "=" << column.second;
      std::cout << std::endl;
    }
  } else if (mode == "shutdown") {
    connect(path).shutdown();
    std::cout << "shut down" << std::endl;
  } else {
    return 64;
  }
  return 0;
}
