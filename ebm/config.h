#pragma once
// The complete configuration of a run, one struct per section of the TOML file (SPEC section 10). Plain data:
// tools/ fills it from recipe, file and command line; everything below receives the part it needs.

#include <cstdint>
#include <string>
#include <vector>

namespace mebm::ebm {

struct ModelConfig {
  std::string architecture = "wide_resnet";
  int depth = 28;               // 6n + 4
  int width = 10;               // channels are 16, 16w, 32w, 64w (128w with a fourth stage)
  std::string norm = "batch";   // batch | none
  int num_classes = 10;         // 0: no class head
  std::string energy = "head";  // head | logsumexp
  double leak = 0.2;            // slope of LeakyReLU below 0
};

struct DataConfig {
  std::string set = "cifar10";  // cifar10 | cifar100 | mnist | fashion-mnist | images
  int batch_size = 64;          // positives and chains per iteration
  int labelled_batch_size = 128;
  bool augment = true;  // reflect-pad 4, random crop, flip on the labelled images
  bool augment_positives = false;
  double noise = 0;    // standard deviation of Gaussian noise added to data images
  int validation = 0;  // images of the training set held out, chosen by the seed
  std::string test;    // path of the test images where the set does not define them
};

struct SamplerConfig {
  int steps = 5;
  double step_size = 1;
  double noise = 0.001;
  double gradient_clamp = 1;         // elementwise bound on the gradient; 0 = off
  double pixel_clamp = 1;            // elementwise bound on the image after noise; 0 = off
  std::string batch_norm = "batch";  // batch | running
};

struct BufferConfig {
  int size = 10000;
  double reinit_probability = 0.05;
};

struct InitConfig {
  std::string kind = "gaussian";  // gaussian | uniform
  double jitter = 1e-4;           // added to the diagonal of the covariance
};

struct ObjectiveConfig {
  double l2_coefficient = 0.5;
  std::string l2_form = "reference";  // paper | reference | means
  double classifier_weight = 0;       // weight of the cross-entropy; 0: no labelled batch is drawn
  double energy_weight = 1;           // weight of the energy terms; 0: nothing is sampled
};

struct OptimizerConfig {
  std::string name = "sgd";
  double learning_rate = 0.1;
  double momentum = 0.9;
  double weight_decay = 5e-4;
  int warmup_iterations = 1000;
  std::vector<int> milestones = {60, 120, 180};  // epochs, counted from 0
  double decay = 0.2;
};

struct RunConfig {
  int epochs = 200;
  int iterations_per_epoch = 390;
  std::uint64_t seed = 1;
  std::string precision = "auto";    // auto | fp32 | tf32 | bf16 | fp64; auto: bf16 on a GPU, else fp32
  std::string device = "auto";       // auto | cpu | cuda[:i]
  int threads = 0;                   // 0: one per physical core
  std::string convolution = "auto";  // auto | direct | winograd
  int checkpoint_every = 390;        // iterations; 0: only the last
  int checkpoints_kept = 3;
  int evaluate_every = 0;    // epochs between evaluations; 0: never
  int evaluate_samples = 0;  // fresh chains of an evaluation, whose FD-ref is taken; 0: none
  int log_every = 10;        // iterations between lines of metrics.jsonl
  int sample_every = 390;    // iterations between sample grids; 0: only the last
  std::string trace;         // file that records every random choice of the run ("" = off)
};

// The published row a recipe reproduces, printed beside the run's own figures (NaN-free: absent = false).
struct PublishedRow {
  bool present = false;
  std::string source;            // table and row
  double accuracy = 0;           // percent; 0 = not reported
  double inception_score = 0;    // 0 = not reported
  double fid = 0;                // 0 = not reported
  double minutes_per_epoch = 0;  // 390 iterations on the paper's GPU; 0 = not reported
  bool diverged = false;         // the paper marks the row as diverged, best value before
};

struct Config {
  std::string recipe;  // name of the recipe it started from, "" if none
  ModelConfig model;
  DataConfig data;
  SamplerConfig sampler;
  BufferConfig buffer;
  InitConfig init;
  ObjectiveConfig objective;
  OptimizerConfig optimizer;
  RunConfig run;
  PublishedRow published;
};

}  // namespace mebm::ebm
