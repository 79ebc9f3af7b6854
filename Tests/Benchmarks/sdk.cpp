// A peer: a journal logger as osquery's C++ SDK makes extensions, with Apache Thrift's generated code and its TThreadedServer
// (osquery: extensions/extensions.cpp, impl_thrift.cpp). The entry is the tutorial's: the text, its priority and its kind.
//
//   sdk --socket SOCKET [ignored flags]

#include <unistd.h>

#include <memory>
#include <thread>

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "ExtensionManager.h"
#include "status.h"

using namespace apache::thrift;
using namespace peer;

static int64_t uuid;
static std::string ownSocket;

class Logger : public ExtensionIf {
 public:
  void ping(ExtensionStatus& status) override { succeed(status, uuid); }

  void call(ExtensionResponse& response, const std::string&, const std::string&,
            const std::map<std::string, std::string>& request) override {
    succeed(response.status, uuid);
    for (const char* kind : {"string", "snapshot", "log"}) {
      const auto found = request.find(kind);
      if (found == request.end()) continue;
      const std::string message = "MESSAGE=" + found->second;
      const std::string type = std::string("OSQUERY_LOG_TYPE=") + kind;
      const char* fields[] = {"PRIORITY=6", "SYSLOG_IDENTIFIER=osqueryd"};
      iovec vectors[] = {
          {(void*)message.data(), message.size()}, {(void*)type.data(), type.size()},
          {(void*)fields[0], 10}, {(void*)fields[1], 26}};
      if (sd_journal_sendv(vectors, 4) != 0) response.status.__set_code(1);
    }
  }

  void shutdown() override {
    unlink(ownSocket.c_str());
    std::thread([] {
      usleep(20000);
      _exit(0);
    }).detach();
  }
};

int main(int count, char** arguments) {
  if (count < 3) return 64;
  const std::string path = arguments[2];
  auto buffered = std::make_shared<transport::TBufferedTransport>(std::make_shared<transport::TSocket>(path));
  buffered->open();
  ExtensionManagerClient manager(std::make_shared<protocol::TBinaryProtocol>(buffered));
  InternalExtensionInfo info;
  info.name = "sdk";
  info.version = "1.0.0";
  info.sdk_version = "5.0.0";
  info.min_sdk_version = "1.8.0";
  ExtensionStatus status;
  manager.registerExtension(status, info, {{"logger", {{"journal", {}}}}});
  uuid = status.uuid;
  ownSocket = path + "." + std::to_string(uuid);
  server::TThreadedServer server(
      std::make_shared<ExtensionProcessor>(std::make_shared<Logger>()),
      std::make_shared<transport::TServerSocket>(ownSocket), std::make_shared<transport::TBufferedTransportFactory>(),
      std::make_shared<protocol::TBinaryProtocolFactory>());
  server.serve();
}
