#pragma once
// SIGINT and SIGTERM as a request to stop.

namespace mebm::tools {

// From here on the first signal ends the process, saying that nothing was written; after
// keep_what_is_written() it is remembered instead. A second one ends the process at once.
void stop_on_signals();
void keep_what_is_written();

bool stop_requested();

}  // namespace mebm::tools
