#pragma once
// Where the chains of `sample` start.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/model_inputs.h"

namespace mebm::tools {

struct StartOptions {
  std::string init = "p0";                          // p0 | buffer | uniform
  std::optional<std::string> init_images;           // an images file instead
  std::optional<std::string> initial_distribution;  // a file of fit-init instead of the checkpoint's
};

// Chain c is a function of (seed, c) alone:
//   p0, uniform  its own draw (purpose sample_fill, slot c)
//   buffer       a row of the stored replay buffer: entry c mod size of keyed permutation c / size
//   images       image c of the file
class ChainStarts {
 public:
  // InputError where the checkpoint or the file does not hold such starts.
  ChainStarts(const StartOptions& options, const StoredModel& model, Runtime& runtime);

  // Chains there are; nullopt where as many can be drawn as are asked for.
  std::optional<std::int64_t> available() const;
  // The starts of chains first ... first + count - 1, [count,C,H,W].
  engine::Tensor draw(std::int64_t first, std::int64_t count);

 private:
  void load_buffer(const StoredModel& model);
  engine::Tensor draw_buffer(std::int64_t first, std::int64_t count);

  Runtime& runtime_;
  ebm::ImageShape shape_;
  std::unique_ptr<ebm::InitialDistribution> initial_;  // one of the three
  std::optional<ebm::ReplayBuffer> buffer_;
  std::optional<InputImages> images_;
};

}  // namespace mebm::tools
