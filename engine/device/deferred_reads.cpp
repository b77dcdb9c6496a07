#include "engine/device/deferred_reads.h"

#include <cstring>

#include "engine/device/accelerator.h"
#include "engine/device/context.h"

namespace mebm::engine {

DeferredReads::DeferredReads(Context& context, std::size_t bytes, std::size_t most)
    : bytes_(bytes), places_(most) {
  for (Place& p : places_) {
    if (context.on_device())
      p.read = context.accelerator().make_host_read(bytes);
    else
      p.bytes.resize(bytes);
  }
}

DeferredReads::~DeferredReads() = default;

void DeferredReads::enqueue(const Tensor& from) {
  require(from.bytes() == bytes_, "a deferred read of {} bytes was made for {}", from.bytes(), bytes_);
  require(!full(), "more than {} deferred reads are outstanding", places_.size());
  Place& p = place(first_ + outstanding_++);
  if (p.read != nullptr)
    p.read->start(from.data());
  else
    std::memcpy(p.bytes.data(), from.data(), bytes_);
}

bool DeferredReads::ready() const {
  if (outstanding_ == 0) return false;
  const Place& oldest = place(first_);
  return oldest.read == nullptr || oldest.read->arrived();
}

void DeferredReads::take(void* to) {
  require(outstanding_ > 0, "no deferred read is outstanding");
  const Place& oldest = place(first_);
  std::memcpy(to, oldest.read != nullptr ? oldest.read->wait() : oldest.bytes.data(), bytes_);
  ++first_;
  --outstanding_;
}

}  // namespace mebm::engine
