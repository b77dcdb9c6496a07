#include "engine/core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/device/context.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/normalization.h"
#include "tests/reference/test_data.h"

namespace mebm::engine {
namespace {

using reference::Values;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Tensor filled(Context& context, const Shape& shape, DType dtype, std::uint32_t seed) {
  Tensor t = context.empty(shape, dtype);
  ops::write(reference::random_values(static_cast<std::size_t>(shape.elements()), seed), t);
  return t;
}

Values values_of(const Tensor& t) {
  Values out(static_cast<std::size_t>(t.elements()));
  ops::read(t, out);
  return out;
}

TEST(Shape, BasicsAndErrors) {
  const Shape shape{64, 3, 32, 32};
  EXPECT_EQ(shape.text(), "[64, 3, 32, 32]");
  EXPECT_EQ(shape.elements(), 64 * 3 * 32 * 32);
  EXPECT_EQ(shape.with_rows(5), (Shape{5, 3, 32, 32}));
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_FALSE((Shape{2, 3} == Shape{2, 3, 1}));
  EXPECT_THAT([] { (Shape{1, 2, 3, 4, 5}); }, ThrowsMessage<Error>(HasSubstr("at most 4 dimensions, got 5")));
  EXPECT_THAT([] { (Shape{1, -2}); }, ThrowsMessage<Error>(HasSubstr("cannot be negative, got -2")));
}

TEST(Tensor, CopiesShareMemoryAndCountReferences) {
  Context context;
  Tensor a = context.empty({4}, DType::fp32);
  EXPECT_TRUE(a.unique());
  {
    const Tensor b = a;
    EXPECT_FALSE(a.unique());
    EXPECT_EQ(b.data(), a.data());
  }
  EXPECT_TRUE(a.unique());
  Tensor c = std::move(a);
  EXPECT_TRUE(c.unique());
  EXPECT_FALSE(a.defined());  // NOLINT: moved from means undefined
  c.reset();
  EXPECT_EQ(context.arena().bytes_in_use(), 0u);
}

TEST(Tensor, RowsViewTheSameMemory) {
  Context context;
  for (Layout layout : {Layout::plain, Layout::blocked8, Layout::blocked16}) {
    Tensor a = context.empty({5, 20, 3, 2}, DType::fp32, layout);
    const std::int64_t padded = layout == Layout::plain ? 20 : layout == Layout::blocked8 ? 24 : 32;
    EXPECT_EQ(a.stored_elements(), 5 * padded * 6);
    Tensor part = a.rows(2, 2);
    EXPECT_EQ(part.shape(), (Shape{2, 20, 3, 2}));
    EXPECT_EQ(part.as<float>(), a.as<float>() + 2 * padded * 6);
    EXPECT_EQ(part.rows(1, 1).as<float>(), a.as<float>() + 3 * padded * 6);
    EXPECT_EQ(part.storage_id(), a.storage_id());
    const std::uint32_t before = a.version();
    part.bump_version();
    EXPECT_EQ(a.version(), before + 1);
    EXPECT_EQ(a.rows(5, 0).elements(), 0);
  }
}

TEST(Tensor, ErrorsNameBothSides) {
  Context context;
  Tensor a = context.empty({5, 3}, DType::fp64);
  EXPECT_THAT([&] { a.rows(4, 2); },
              ThrowsMessage<Error>(HasSubstr("rows 4 ... 5 are outside tensor [5, 3]")));
  EXPECT_THAT([&] { a.rows(-1, 2); }, ThrowsMessage<Error>(HasSubstr("outside")));
  EXPECT_THAT([&] { a.as<float>(); },
              ThrowsMessage<Error>(HasSubstr("tensor [5, 3] holds fp64, fp32 was asked for")));
  EXPECT_THAT([] { Tensor().as<float>(); }, ThrowsMessage<Error>(HasSubstr("holds nothing")));
  EXPECT_THAT(
      [&] {
        a.reshaped({4, 4});
      },
      ThrowsMessage<Error>(HasSubstr("[5, 3] cannot be viewed as [4, 4]")));
  EXPECT_THAT(
      [&] {
        context.empty({5, 3}, DType::fp32, Layout::blocked8);
      },
      ThrowsMessage<Error>(HasSubstr("of four dimensions has a layout of its own, got [5, 3]")));
  EXPECT_THAT(
      [&] {
        context.empty({1, 16, 1, 1}, DType::fp32, Layout::blocked8).reshaped({16});
      },
      ThrowsMessage<Error>(HasSubstr("cannot be viewed")));
}

TEST(Tensor, ReshapeKeepsTheValues) {
  Context context;
  const Tensor a = filled(context, {5, 6}, DType::fp64, 1);
  EXPECT_EQ(values_of(a.reshaped({2, 3, 5})), values_of(a));
}

TEST(Operations, CopyAcrossLayoutsAndTypes) {
  Context context;
  const Tensor plain = filled(context, {3, 20, 5, 1}, DType::fp64, 1);
  for (Layout layout : {Layout::plain, Layout::blocked8, Layout::blocked16}) {
    Tensor single = context.empty(plain.shape(), DType::fp32, layout),
           back = context.empty(plain.shape(), DType::fp64);
    ops::copy(context, plain, single, WriteMode::overwrite);
    ops::copy(context, single, back, WriteMode::overwrite);
    EXPECT_EQ(values_of(back), values_of(plain));
    ops::copy(context, single, back, WriteMode::accumulate);
    EXPECT_EQ(values_of(back)[7], 2 * values_of(plain)[7]);
  }
  EXPECT_EQ(ops::in_layout(context, plain, Layout::plain).data(), plain.data());
}

TEST(Operations, RefuseWhatDoesNotFit) {
  Context context;
  Tensor a = filled(context, {2, 3}, DType::fp64, 1), b = filled(context, {3, 2}, DType::fp64, 2);
  Tensor single = context.empty({2, 3}, DType::fp32);
  EXPECT_THAT([&] { ops::axpby(context, 1, a, 1, b); },
              ThrowsMessage<Error>(HasSubstr("axpby: fp64 [2, 3] does not match fp64 [3, 2]")));
  EXPECT_THAT([&] { ops::axpby(context, 1, a, 1, single); }, ThrowsMessage<Error>(HasSubstr("fp32 [2, 3]")));
  EXPECT_THAT([&] { ops::copy(context, a, b, WriteMode::overwrite); },
              ThrowsMessage<Error>(HasSubstr("copy: [2, 3] does not fit [3, 2]")));
  EXPECT_THAT([&] { ops::linear(context, a, b, b); },
              ThrowsMessage<Error>(HasSubstr("linear: input [2, 3]")));
  const std::int32_t labels[] = {0, 7};
  EXPECT_THAT([&] { ops::make_labels(context, labels, 7); },
              ThrowsMessage<Error>(HasSubstr("label 7 of row 1 is outside 0 ... 6")));
  const Tensor integers = ops::make_labels(context, labels, 8);
  EXPECT_THAT(
      [&] {
        ops::logsumexp(context, integers.reshaped({1, 2}));
      },
      ThrowsMessage<Error>(HasSubstr("logsumexp: not implemented for int32")));
  const Tensor x = filled(context, {4, 2, 3, 3}, DType::fp64, 3), two = filled(context, {2}, DType::fp64, 4);
  EXPECT_THAT([&] { ops::batch_norm_leaky_relu(context, x, two, two, ops::RowGroups::single(3), 1e-5, 0.2); },
              ThrowsMessage<Error>(HasSubstr("groups hold 3 rows, the input [4, 2, 3, 3]")));
  EXPECT_THAT(
      [&] {
        ops::RowGroups groups;
        for (int i = 0; i < 9; ++i) groups.add(1);
      },
      ThrowsMessage<Error>(HasSubstr("at most 8 groups")));
}

}  // namespace
}  // namespace mebm::engine
