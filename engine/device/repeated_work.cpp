#include "engine/device/repeated_work.h"

#include "engine/device/accelerator.h"
#include "engine/device/context.h"

namespace mebm::engine {

RepeatedWork::RepeatedWork(Context& context) : context_(context) {}

RepeatedWork::~RepeatedWork() {
  forget();
}

void RepeatedWork::forget() {
  if (graph_ != nullptr) Accelerator::release(graph_);
  graph_ = nullptr;
  runs_ = 0;
}

std::size_t RepeatedWork::captured_nodes() const {
  return graph_ == nullptr ? 0 : Accelerator::node_count(graph_);
}

bool RepeatedWork::run(const std::string& key, const std::function<void()>& work) {
  if (!context_.on_device()) {
    work();
    return true;
  }
  Accelerator& device = context_.accelerator();
  if (key != key_) forget();
  key_ = key;
  if (arena_ == nullptr) arena_ = context_.make_arena();
  if (graph_ != nullptr) {
    device.launch(graph_);
    return false;
  }
  const Context::UseArena use(context_, *arena_);
  if (runs_++ == 0) {
    work();
    return true;
  }
  device.begin_capture();
  try {
    work();
  } catch (...) {
    Accelerator::release(device.abandon_capture());
    throw;
  }
  graph_ = device.end_capture();
  device.launch(graph_);
  return true;
}

}  // namespace mebm::engine
