// What every peer answers where all went well.
#pragma once

#include "peer_types.h"

inline void succeed(peer::ExtensionStatus& status, int64_t uuid = 0) {
  status.__set_code(0);
  status.__set_message("OK");
  status.__set_uuid(uuid);
}
