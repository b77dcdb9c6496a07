// Single operations, values and gradients, through the tape.

#include <gtest/gtest.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "models/layers/batch_norm.h"
#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using autograd::Variable;
using engine::DType;
using engine::Tensor;

struct Case {
  std::string group;
  DType dtype;
};

class Operation : public testing::TestWithParam<Case> {
 protected:
  engine::Hdf5Reader reader_{fixture_path("ops")};
  engine::Context context_;
  autograd::Tape tape_{context_};
  std::string at_ = "/" + GetParam().group;

  Values stored(const std::string& name) const {
    return reader_.read_at_most<double>(at_ + "/" + name, 1 << 20);
  }
  Tensor tensor(const std::string& name) {
    const engine::Hdf5Shape s = reader_.shape(at_ + "/" + name);
    engine::Shape shape;
    if (s.size() == 1) shape = {s[0]};
    if (s.size() == 2) shape = {s[0], s[1]};
    if (s.size() == 4) shape = {s[0], s[1], s[2], s[3]};
    return tensor_of(context_, stored(name), shape, GetParam().dtype);
  }
  Variable leaf(const std::string& name) { return tape_.leaf(tensor(name)); }

  void check(const std::string& name, const Tensor& computed) {
    EXPECT_LE(relative_error(values_of(computed), stored(name)),
              GetParam().dtype == DType::fp64 ? kExact : 1e-5)
        << name;
  }
  // y, then the gradients of the leaves under the upstream dy.
  void check_all(const Variable& y, const std::vector<std::pair<std::string, Variable>>& leaves) {
    check("y", y.value);
    tape_.backward(y, engine::ops::in_layout(context_, tensor("dy"), y.value.layout()));
    for (const auto& [name, variable] : leaves) check(name, tape_.gradient(variable));
  }
};

class Convolution : public Operation {};

TEST_P(Convolution, ValuesAndGradients) {
  const Variable x = leaf("x"), weight = leaf("weight"), bias = leaf("bias");
  const engine::ops::ConvolutionShape shape{static_cast<int>(reader_.attribute_int(at_, "stride")),
                                            static_cast<int>(reader_.attribute_int(at_, "padding"))};
  const Variable y = autograd::convolution(tape_, x, weight, bias, shape, {});
  check_all(y, {{"dx", x}, {"dweight", weight}, {"dbias", bias}});
}

class BatchNormGroups : public Operation {};

TEST_P(BatchNormGroups, ValuesGradientsAndRunningStatistics) {
  models::BatchNorm norm(
      context_, "bn", 5, GetParam().dtype,
      {reader_.attribute_double(at_, "momentum"), reader_.attribute_double(at_, "eps"), 1});
  norm.gamma.value = tensor("weight");
  norm.beta.value = tensor("bias");
  norm.running_mean = tensor("running_mean");
  norm.running_variance = tensor("running_var");
  norm.reserve_statistics(2);
  models::Pass pass;
  for (int g = 0; g < 2; ++g) {
    pass.groups.add(g == 0 ? 3 : 5);
    pass.slots[static_cast<std::size_t>(g)] = g;
  }
  const Variable x = leaf("x");
  check_all(norm.forward(tape_, x, pass), {{"dx", x}});
  check("dweight", norm.gamma.gradient);
  check("dbias", norm.beta.gradient);
  const engine::ops::FoldedLayer folded = norm.folded(2);
  engine::ops::fold_statistics(context_, std::span(&folded, 1), 2, reader_.attribute_double(at_, "momentum"));
  check("running_mean_after", norm.running_mean);
  check("running_var_after", norm.running_variance);
}

class BatchNormRunning : public Operation {};

TEST_P(BatchNormRunning, ValuesAndGradients) {
  const Variable x = leaf("x"), weight = leaf("weight"), bias = leaf("bias");
  const autograd::NormStatistics statistics{false, tensor("running_mean"), tensor("running_var"), {}};
  const Variable y = autograd::batch_norm_leaky_relu(tape_, x, weight, bias, statistics,
                                                     engine::ops::RowGroups::single(x.value.extent(0)),
                                                     reader_.attribute_double(at_, "eps"), 1);
  check_all(y, {{"dx", x}, {"dweight", weight}, {"dbias", bias}});
}

class GlobalAveragePool : public Operation {};

TEST_P(GlobalAveragePool, ValuesAndGradients) {
  const Variable x = leaf("x");
  check_all(autograd::global_average_pool(tape_, x), {{"dx", x}});
}

class Linear : public Operation {};

TEST_P(Linear, ValuesAndGradients) {
  const Variable x = leaf("x"), weight = leaf("weight"), bias = leaf("bias");
  check_all(autograd::linear(tape_, x, weight, bias), {{"dx", x}, {"dweight", weight}, {"dbias", bias}});
}

class CrossEntropy : public Operation {};

TEST_P(CrossEntropy, LossAndGradient) {
  const Variable logits = leaf("logits");
  const Tensor labels = engine::ops::make_labels(
      context_, reader_.read_at_most<std::int32_t>(at_ + "/labels", 1000), logits.value.extent(1));
  const Variable loss = autograd::cross_entropy(tape_, logits, labels);
  check("loss", loss.value);
  tape_.backward(loss);
  check("dlogits", tape_.gradient(logits));
}

class LogSumExp : public Operation {};

TEST_P(LogSumExp, ValuesAndGradients) {
  const Variable logits = leaf("logits");
  check_all(autograd::logsumexp(tape_, logits), {{"dlogits", logits}});
}

class LeakyRelu : public Operation {};

TEST_P(LeakyRelu, ValuesAndGradients) {
  const Variable x = leaf("x");
  check_all(autograd::leaky_relu(tape_, x, reader_.attribute_double(at_, "leak")), {{"dx", x}});
}

std::vector<Case> in_both_types(const std::vector<std::string>& groups) {
  std::vector<Case> cases;
  for (const std::string& group : groups)
    for (DType dtype : {DType::fp64, DType::fp32}) cases.push_back({group, dtype});
  return cases;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.group + "_" + std::string(name_of(info.param.dtype));
}

#define MEBM_OPERATION_CASES(test, ...) \
  INSTANTIATE_TEST_SUITE_P(Fixtures, test, testing::ValuesIn(in_both_types({__VA_ARGS__})), case_name)

MEBM_OPERATION_CASES(Convolution, "conv3x3_stride1", "conv3x3_stride2", "conv3x3_stride2_odd",
                     "conv1x1_stride1", "conv1x1_stride2");
MEBM_OPERATION_CASES(BatchNormGroups, "batch_norm_groups");
MEBM_OPERATION_CASES(BatchNormRunning, "batch_norm_running");
MEBM_OPERATION_CASES(GlobalAveragePool, "global_average_pool");
MEBM_OPERATION_CASES(Linear, "linear");
MEBM_OPERATION_CASES(CrossEntropy, "cross_entropy");
MEBM_OPERATION_CASES(LogSumExp, "logsumexp");
MEBM_OPERATION_CASES(LeakyRelu, "leaky_relu");

}  // namespace
}  // namespace mebm::golden
