// One or more cases of every operation in autograd/ops, with odd shapes.

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "engine/ops/dense.h"
#include "tests/autograd/gradient_check.h"

namespace mebm::autograd {
namespace {

using engine::Layout;
using engine::Shape;
using engine::Tensor;
using engine::ops::ConvolutionShape;
using engine::ops::RowGroups;
using Inputs = std::vector<Variable>;

void add_elementwise(std::vector<OperationCase>& cases) {
  const auto put = [&](OperationCase c) {
    c.twice = true;
    cases.push_back(std::move(c));
  };
  put({"add", "", {{5, 3}, {5, 3}}, [](Tape& t, const Inputs& in) { return add(t, in[0], in[1]); }});
  put({"add", "of a variable to itself", {{7}}, [](Tape& t, const Inputs& in) {
         return add(t, in[0], in[0]);
       }});
  put({"scale", "", {{2, 3, 5, 1}}, [](Tape& t, const Inputs& in) { return scale(t, in[0], -1.75); }});
  put({"multiply", "", {{33}, {33}}, [](Tape& t, const Inputs& in) { return multiply(t, in[0], in[1]); }});
  put({"multiply", "square", {{31}}, [](Tape& t, const Inputs& in) { return multiply(t, in[0], in[0]); }});
  put({"add", "subtract", {{3}, {3}}, [](Tape& t, const Inputs& in) { return subtract(t, in[0], in[1]); }});
  put({"sum", "", {{3, 2, 5, 1}}, [](Tape& t, const Inputs& in) { return sum(t, in[0]); }});
  put({"sum", "mean", {{257}}, [](Tape& t, const Inputs& in) { return mean(t, in[0]); }});
  put({"expand", "", {{1}}, [](Tape& t, const Inputs& in) { return expand(t, in[0], {3, 5}); }});
  put({"rows", "", {{5, 3}}, [](Tape& t, const Inputs& in) { return rows(t, in[0], 1, 3); }});
  put({"rows", "overlapping", {{5, 3}}, [](Tape& t, const Inputs& in) {
         return add(t, rows(t, in[0], 0, 3), rows(t, in[0], 2, 3));
       }});
  put({"place_rows", "", {{2, 3}}, [](Tape& t, const Inputs& in) { return place_rows(t, in[0], 2, 5); }});
  put({"reshape", "", {{3, 2, 5, 1}}, [](Tape& t, const Inputs& in) { return reshape(t, in[0], {6, 5}); }});
  put({"reshape", "flatten", {{3, 1}}, [](Tape& t, const Inputs& in) { return flatten(t, in[0]); }});
  put({"leaky_relu", "", {{3, 5, 3, 1}}, [](Tape& t, const Inputs& in) {
         return leaky_relu(t, in[0], 0.2);
       }});
  cases.back().kink = true;
  put({"leaky_relu_slope", "", {{33}}, [](Tape& t, const Inputs& in) {
         return leaky_relu_slope(t, {random_tensor(t.context(), {33}, 77)}, in[0], 0.2);
       }});
}

void add_convolutions(std::vector<OperationCase>& cases) {
  struct Geometry {
    Shape x, w, y;
    ConvolutionShape shape;
  };
  const Geometry geometries[] = {{{2, 3, 5, 4}, {4, 3, 3, 3}, {2, 4, 5, 4}, {1, 1}},
                                 {{2, 3, 5, 4}, {2, 3, 3, 3}, {2, 2, 3, 2}, {2, 1}},
                                 {{3, 2, 3, 3}, {4, 2, 1, 1}, {3, 4, 2, 2}, {2, 0}},
                                 {{1, 1, 1, 1}, {2, 1, 3, 3}, {1, 2, 1, 1}, {1, 1}}};
  for (const Geometry& g : geometries) {
    const std::string variant = g.x.text() + " * " + g.w.text() + " stride " + std::to_string(g.shape.stride);
    cases.push_back({"convolution",
                     variant,
                     {g.x, g.w},
                     [g](Tape& t, const Inputs& in) { return convolution(t, in[0], in[1], {}, g.shape, {}); },
                     true});
    cases.push_back({"convolution",
                     variant + " constant bias, residual",
                     {g.x, g.w, g.y},
                     [g](Tape& t, const Inputs& in) {
                       const Variable bias{random_tensor(t.context(), {g.w[0]}, 9)};
                       return convolution(t, in[0], in[1], bias, g.shape, in[2]);
                     },
                     true});
    cases.push_back({"convolution",
                     variant + " bias, residual added in place",
                     {g.x, g.w, {g.w[0]}, g.y},
                     [g](Tape& t, const Inputs& in) {
                       return convolution(t, in[0], in[1], in[2], g.shape, scale(t, in[3], 2));
                     }});
    cases.push_back({"convolution_input_gradient",
                     variant,
                     {g.y, g.w},
                     [g](Tape& t, const Inputs& in) {
                       return convolution_input_gradient(t, in[0], in[1], g.shape, g.x, Layout::plain);
                     },
                     true});
    cases.push_back({"convolution_weight_gradient",
                     variant,
                     {g.x, g.y},
                     [g](Tape& t, const Inputs& in) {
                       return convolution_weight_gradient(t, in[0], in[1], g.shape, g.w);
                     },
                     true});
  }
}

void add_batch_norms(std::vector<OperationCase>& cases) {
  const auto groups_of = [](std::initializer_list<std::int64_t> counts) {
    RowGroups groups;
    for (std::int64_t count : counts) groups.add(count);
    return groups;
  };
  for (double leak : {0.2, 1.0})
    for (const RowGroups& groups : {groups_of({5}), groups_of({2, 3}), groups_of({1, 3, 1})})
      for (const Shape& shape : {Shape{5, 3, 3, 1}, Shape{5, 2, 2, 3}})
        cases.push_back(
            {"batch_norm_leaky_relu",
             "batch statistics, groups " + std::to_string(groups.count) + ", leak " + std::to_string(leak),
             {shape, {shape[1]}, {shape[1]}},
             [=](Tape& t, const Inputs& in) {
               return batch_norm_leaky_relu(t, in[0], in[1], in[2], {}, groups, 1e-2, leak);
             },
             false,
             leak != 1.0});
  cases.push_back(
      {"batch_norm_leaky_relu",
       "given statistics",
       {{3, 4, 3, 3}, {4}, {4}},
       [](Tape& t, const Inputs& in) {
         const NormStatistics given{
             false, random_tensor(t.context(), {4}, 31), random_tensor(t.context(), {4}, 32, 0.5, 2), {}};
         return batch_norm_leaky_relu(t, in[0], in[1], in[2], given, RowGroups::single(3), 1e-5, 0.2);
       },
       false,
       true});
}

void add_dense(std::vector<OperationCase>& cases) {
  const std::int32_t labels[] = {2, 0, 6, 6, 3};
  const auto label_tensor = [labels](Tape& t) {
    return engine::ops::make_labels(t.context(), std::span<const std::int32_t>(labels), 7);
  };
  cases.push_back({"global_average_pool", "", {{2, 5, 3, 1}}, [](Tape& t, const Inputs& in) {
                     return global_average_pool(t, in[0]);
                   }});
  cases.push_back({"linear", "", {{5, 7}, {3, 7}, {3}}, [](Tape& t, const Inputs& in) {
                     return linear(t, in[0], in[1], in[2]);
                   }});
  cases.push_back({"linear", "to one", {{1, 33}, {1, 33}, {1}}, [](Tape& t, const Inputs& in) {
                     return linear(t, in[0], in[1], in[2]);
                   }});
  cases.push_back({"logsumexp",
                   "",
                   {{5, 7}},
                   [](Tape& t, const Inputs& in) { return logsumexp(t, in[0]); },
                   false,
                   false,
                   -4,
                   4});
  cases.push_back({"gather_class", "", {{5, 7}}, [label_tensor](Tape& t, const Inputs& in) {
                     return gather_class(t, in[0], label_tensor(t));
                   }});
  cases.push_back(
      {"cross_entropy",
       "",
       {{5, 7}},
       [label_tensor](Tape& t, const Inputs& in) { return cross_entropy(t, in[0], label_tensor(t)); },
       false,
       false,
       -4,
       4});
}

}  // namespace

std::vector<OperationCase> operation_cases() {
  std::vector<OperationCase> cases;
  add_elementwise(cases);
  add_convolutions(cases);
  add_batch_norms(cases);
  add_dense(cases);
  return cases;
}

}  // namespace mebm::autograd
