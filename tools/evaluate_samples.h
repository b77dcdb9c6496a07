#pragma once
// What evaluate measures distances of: fresh chains, the replay buffer, the published selection from it, or
// an images file. All as bytes, since that is what published protocols measure.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ebm/langevin_sampler.h"
#include "metrics/feature_extractor.h"
#include "tools/chain_starts.h"
#include "tools/evaluate.h"
#include "tools/image_bytes.h"

namespace mebm::tools {

struct SampleBytes {
  std::string source;                  // fresh | buffer | reference | file
  std::string made, filter, rounding;  // how they were made, chosen and turned into bytes
  std::optional<int> steps;
  std::int64_t count = 0;
  int channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [count, channels, height, width]

  metrics::BytesView view() const { return {pixels, count, channels, height, width}; }
};

class SampleSources {
 public:
  // Chooses by --samples (all that the checkpoint has, where it is not given) and reads what chains need.
  // InputError for sources that cannot be had.
  explicit SampleSources(EvaluateJob& job);

  const std::vector<std::string>& names() const { return names_; }
  // Images that `make` will give.
  std::int64_t count(const std::string& name) const;
  // Error where a chain is not finite.
  SampleBytes make(const std::string& name);

 private:
  void choose();
  void check_chain_options() const;
  void open_fresh();
  void open_file();
  bool buffer_filter_works() const;
  SampleBytes make_fresh();
  SampleBytes make_buffer(bool selection);
  SampleBytes make_file() const;
  SampleBytes empty(const std::string& source, Rounding rounding) const;
  Rounding rounding(Rounding otherwise) const;
  // Indices of the images kept: the surest 90 % of every predicted class, in the buffer's order.
  std::vector<std::int64_t> surest(ebm::ReplayBuffer& buffer);

  EvaluateJob& job_;
  std::vector<std::string> names_;
  ebm::LangevinOptions sampler_;
  std::unique_ptr<ChainStarts> starts_;
  std::unique_ptr<data::ImageSet> file_;
};

}  // namespace mebm::tools
