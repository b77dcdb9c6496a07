#pragma once
// Small results that the host reads later, and in order, without holding up the work enqueued after them.

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/core/tensor.h"

namespace mebm::engine {

class Context;

// One copy from device memory into host memory of its own (Accelerator::make_host_read).
class HostRead {
 public:
  virtual ~HostRead() = default;
  // Enqueues the copy after all work enqueued so far; what the last one brought is gone.
  virtual void start(const void* from) = 0;
  virtual bool arrived() = 0;
  virtual const std::byte* wait() = 0;  // valid until the next start()
};

// A queue of reads of `bytes` bytes each, at most `most` outstanding. On the CPU a read is done at once.
class DeferredReads {
 public:
  DeferredReads(Context& context, std::size_t bytes, std::size_t most);
  ~DeferredReads();

  // Not inside a capture: a captured copy would be made again at every launch.
  void enqueue(const Tensor& from);
  std::size_t outstanding() const { return outstanding_; }
  bool full() const { return outstanding_ == places_.size(); }
  // Whether take() would return without waiting; false where nothing is outstanding.
  bool ready() const;
  // Waits for the oldest outstanding read, copies it to `to` and forgets it.
  void take(void* to);

 private:
  struct Place {
    std::unique_ptr<HostRead> read;  // null on the CPU
    std::vector<std::byte> bytes;    // on the CPU
  };
  Place& place(std::size_t number) const { return places_[number % places_.size()]; }

  std::size_t bytes_;
  mutable std::vector<Place> places_;
  std::size_t first_ = 0, outstanding_ = 0;
};

}  // namespace mebm::engine
