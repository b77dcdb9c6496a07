#pragma once
// A case: one op on one shape, built the same way on either side.

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "selftest/side.h"

namespace mebm::selftest {

// How far an output may be from the CPU's, relative to the largest value of the output.
//   exact   values are moved or selected: 0
//   real    computed in fp32 from exact inputs, whatever the features' type: fp32's tolerance
//   stored  rounded to, or multiplied in, the type under test
//   wide    computed in fp64 whatever the type under test
enum class Grade { exact, real, stored, wide };
double tolerance(Grade grade, Precision precision);

struct Output {
  std::string name;
  Grade grade = Grade::real;
  engine::Tensor tensor;
};

// The op ready to run on one side. Running it writes its outputs.
class Work {
 public:
  std::function<void()> run;

  // The reference stays valid. An output that the op itself makes starts undefined.
  engine::Tensor& output(const std::string& name, Grade grade, engine::Tensor tensor = {}) {
    outputs_.push_back({name, grade, std::move(tensor)});
    return outputs_.back().tensor;
  }
  const std::deque<Output>& outputs() const { return outputs_; }

 private:
  std::deque<Output> outputs_;
};

struct Case {
  std::string op, shape;
  // Makes inputs and outputs on a side; `work` lives as long as what `run` refers to.
  std::function<void(const Side& side, Work& work)> build;
  double bytes = 0;  // read and written once each
  double flops = 0;  // 0: bounded by memory
  // Share of elements within rounding of LeakyReLU's kink, kept out of the comparison.
  std::optional<double> left_out = {};
  // The twin computes in fp64; in fp32 where random numbers are made in the run's type.
  bool twin_in_fp32 = false;
  // More memory that the op touches, where a rate would say nothing (bytes and flops are 0).
  double scratch_bytes = 0;
  // The op exists on a device only; on the CPU the case writes down what it computes, which is not worth
  // timing.
  bool device_only = false;
  // Only timed, never compared: another library's way of doing the same.
  bool only_timed = false;
};

// Which shapes a sweep has.
//   quick            few and small random ones
//   random           channel counts that fit no vector, and those of networks
//   random_and_work  and shapes of a WRN-28-10, whose times say something: all of them in bf16,
//                    the smallest in the other types, because the CPU's side takes most of the time
//   recipes          every shape of a WRN-28-10 and a WRN-16-2 with batches of 64, none random; large inputs
//                    repeat themselves so soon that they suit timing only
enum class Extent { quick, random, random_and_work, recipes };

// Collects the cases of one type, and says which shapes they have.
class Sweep {
 public:
  Sweep(std::uint64_t seed, Precision precision, Extent extent, std::function<void(const Case&)> sink)
      : generator_(seed, precision, extent == Extent::recipes),
        precision_(precision),
        extent_(extent),
        sink_(std::move(sink)) {}

  Generator& random() { return generator_; }
  Precision precision() const { return precision_; }
  bool quick() const { return extent_ == Extent::quick; }
  bool work_shapes() const { return extent_ == Extent::random_and_work; }
  bool recipes() const { return extent_ == Extent::recipes; }
  // How an op with a choice treats what its output holds.
  engine::WriteMode write_mode();
  double feature_bytes() const { return precision_ == Precision::bf16 ? 2 : 4; }
  // Runs the case.
  void add(const Case& one) { sink_(one); }

  // Channel counts that fit no vector, then those of networks; random images.
  std::vector<engine::Shape> feature_shapes();
  // Those that copies and arithmetic are measured on; those that are pooled.
  std::vector<engine::Shape> map_shapes();
  std::vector<engine::Shape> pooled_shapes();
  // Rows and columns of heads.
  std::vector<engine::Shape> matrix_shapes();
  engine::Shape images();  // one shape of few channels, small

 private:
  Generator generator_;
  Precision precision_;
  Extent extent_;
  std::function<void(const Case&)> sink_;
};

// "5x48x7x9"
std::string text(const engine::Shape& shape);

// All of them, in the sweep's type.
void sweep_cases(Sweep& sweep);

void convolution_cases(Sweep& sweep);
void normalization_cases(Sweep& sweep);
void pooling_cases(Sweep& sweep);
void elementwise_cases(Sweep& sweep);
// Ops that exist in fp32 only.
void dense_cases(Sweep& sweep);
void sampling_cases(Sweep& sweep);
// Fitting a Gaussian, which is in fp64.
void fit_cases(Sweep& sweep);
// The engine's random integers against cuRAND's; where the build has cuRAND.
void curand_cases(Sweep& sweep);
void optimizer_cases(Sweep& sweep);

}  // namespace mebm::selftest
