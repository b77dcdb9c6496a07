#pragma once
// Training of M-EBM, M-JEM, LSE-JEM and the plain classifier: the order of one iteration's calls, nothing
// more.
//
//   chains from the buffer (some restarted from p0) -> K Langevin steps -> one grouped pass over
//   positives | chains | labelled images -> loss -> backward -> running statistics -> SGD -> chains back to
//   the buffer

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "autograd/optim/sgd.h"
#include "ebm/checkpoint.h"
#include "ebm/config.h"
#include "ebm/iteration_results.h"
#include "ebm/langevin_sampler.h"
#include "ebm/objective.h"
#include "ebm/replay_buffer.h"
#include "ebm/training_data.h"
#include "engine/device/repeated_work.h"
#include "models/wide_resnet.h"

namespace mebm::ebm {

// Every random choice of an iteration, for observers; valid during the call only.
struct IterationChoices {
  const ChainBatch* chains = nullptr;  // null without an energy term; images hold the advanced chains
  engine::Tensor chain_starts;         // [B,C,H,W], kept only if an observer wants_starts()
  const DataBatch* positives = nullptr;
  const DataBatch* labelled = nullptr;
};

// Looks on while an iteration is begun; must not change anything. Reading what the choices hold on a device
// waits for the iteration.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  virtual bool wants_starts() const { return false; }
  virtual void iteration_begun(std::int64_t iteration, const IterationChoices& choices) = 0;
};

class Trainer {
 public:
  // A fresh run. `initial` may be null where nothing is sampled (energy_weight = 0). `images` must outlive
  // this. Throws InputError where configuration and data do not fit.
  Trainer(engine::Context& context, const Config& config, const data::ImageSet& images,
          std::vector<std::int64_t> training_indices, std::shared_ptr<const InitialDistribution> initial);

  ~Trainer();

  // Fills the buffer from p0 (a fresh run), or takes model, momentum, buffer and position from a checkpoint.
  void start_fresh();
  void resume(const CheckpointReader& checkpoint);
  // The model of a checkpoint and its buffer, where it has one of the configured size; optimiser and position
  // fresh.
  void start_from_weights(const CheckpointReader& checkpoint);

  // Begins one iteration; the trainer keeps none of the observers. On the CPU it is done when this returns;
  // a device works on while the host goes ahead, by at most IterationResults::kMostOutstanding iterations
  // whose results were not taken.
  void begin(std::span<TrainingObserver* const> observers = {});
  // The result of the oldest iteration not taken yet, of all in turn. Without `wait`, nothing where it is not
  // done and the host may go ahead. Throws Error when the loss is not finite or beyond 1e5 in magnitude
  // (diverged): on a device up to kMostOutstanding updates after the one that diverged, so take every result
  // before the state is kept.
  std::optional<IterationResult> take_result(bool wait);
  // One iteration, begun and done.
  IterationResult step(std::span<TrainingObserver* const> observers = {});

  std::int64_t iteration() const { return iteration_; }  // iterations begun
  std::int64_t epoch() const { return iteration_ / config_.run.iterations_per_epoch; }
  const Config& config() const { return config_; }
  models::WideResNet& model() { return model_; }
  ReplayBuffer* buffer() { return buffer_.get(); }
  const InitialDistribution* initial() const { return initial_.get(); }
  LangevinOptions langevin_options() const;

  // `config_toml` is the resolved configuration the file records.
  CheckpointContents checkpoint_contents(std::string config_toml);

  static models::WideResNetConfig network_config(const ModelConfig& model, int channels, int image_size);

 private:
  struct Batches;

  void make_batches();
  void choose_batches(double learning_rate, bool keep_starts);
  void load_images(const engine::Scalar<std::uint32_t>& iteration);
  void sample_negatives(const engine::Scalar<std::uint32_t>& iteration, bool keep_starts);
  autograd::Variable forward_loss();
  void report_gradient_norm();
  void check_before_update() const;
  void run_iteration(const engine::Scalar<std::uint32_t>& iteration,
                     const engine::Scalar<double>& learning_rate, bool keep_starts);

  engine::Context& context_;
  Config config_;
  engine::DType dtype_;
  TrainingData data_;
  std::shared_ptr<const InitialDistribution> initial_;
  autograd::Tape tape_;
  models::WideResNet model_;
  autograd::Sgd optimizer_;
  std::unique_ptr<ReplayBuffer> buffer_;
  std::unique_ptr<Batches> batches_;
  std::unique_ptr<IterationResults> results_;
  engine::RepeatedWork work_;
  std::int64_t iteration_ = 0;
};

}  // namespace mebm::ebm
