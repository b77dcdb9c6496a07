#pragma once
// Work enqueued again and again, as one captured graph on a device.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "engine/core/arena.h"

namespace mebm::kernels::runtime {
struct Graph;
}

namespace mebm::engine {

class Context;

// Work whose every run enqueues the same kernels on the same memory. The first run is carried out directly,
// so that every plan is made and every byte reserved; the second is captured as one graph; later ones launch
// the graph. The work's tensors come from an arena of its own, which nothing else uses, so that memory a
// launch writes is never anybody else's. On the CPU every run is direct.
class RepeatedWork {
 public:
  explicit RepeatedWork(Context& context);
  ~RepeatedWork();
  RepeatedWork(const RepeatedWork&) = delete;
  RepeatedWork& operator=(const RepeatedWork&) = delete;

  // `key` names everything the work depends on besides tensors written before it (shapes, chain length):
  // where it differs from the last call's, the work starts over. Returns
  // whether `work` was called; a launched graph does not call it.
  bool run(const std::string& key, const std::function<void()>& work);
  std::size_t captured_nodes() const;

 private:
  void forget();

  Context& context_;
  std::unique_ptr<Arena> arena_;
  std::string key_;
  int runs_ = 0;
  kernels::runtime::Graph* graph_ = nullptr;
};

}  // namespace mebm::engine
