#include "models/inception_table.h"

namespace mebm::models::inception {
namespace {

Step convolution(std::string_view name, const engine::ops::InferenceConvolution& shape) {
  Step step;
  step.name = name;
  step.convolution = shape;
  return step;
}

Step pool(Kind kind, int stride, int padding) {
  Step step;
  step.kind = kind;
  step.pool = {
      kind == Kind::max_pool ? engine::ops::InferencePoolKind::max : engine::ops::InferencePoolKind::mean, 3,
      stride, padding};
  return step;
}

// Square kernels; padding 0 unless said.
Step square(std::string_view name, int channels, int kernel, int padding = 0, int stride = 1) {
  return convolution(name, {channels, kernel, kernel, stride, padding, padding});
}

Step one(std::string_view name, int channels) {
  return square(name, channels, 1);
}

// 1 x n and n x 1, padded to keep the size.
Step wide(std::string_view name, int channels, int n) {
  return convolution(name, {channels, 1, n, 1, 0, n / 2});
}

Step tall(std::string_view name, int channels, int n) {
  return convolution(name, {channels, n, 1, 1, n / 2, 0});
}

Step beside(Step step) {
  step.beside_previous = true;
  return step;
}

Step halve() {
  return pool(Kind::max_pool, 2, 0);
}

Step pool_same(Kind kind) {
  return pool(kind, 1, 1);
}

Block stem() {
  return {"",
          {{square("Conv2d_1a_3x3", 32, 3, 0, 2), square("Conv2d_2a_3x3", 32, 3),
            square("Conv2d_2b_3x3", 64, 3, 1), halve(), one("Conv2d_3b_1x1", 80),
            square("Conv2d_4a_3x3", 192, 3), halve()}}};
}

Block block_a(std::string name, int pooled) {
  return {
      std::move(name),
      {{one("branch1x1", 64)},
       {one("branch5x5_1", 48), square("branch5x5_2", 64, 5, 2)},
       {one("branch3x3dbl_1", 64), square("branch3x3dbl_2", 96, 3, 1), square("branch3x3dbl_3", 96, 3, 1)},
       {pool_same(Kind::mean_pool), one("branch_pool", pooled)}}};
}

Block block_b(std::string name) {
  return {
      std::move(name),
      {{square("branch3x3", 384, 3, 0, 2)},
       {one("branch3x3dbl_1", 64), square("branch3x3dbl_2", 96, 3, 1), square("branch3x3dbl_3", 96, 3, 0, 2)},
       {halve()}}};
}

Block block_c(std::string name, int inner) {
  return {std::move(name),
          {{one("branch1x1", 192)},
           {one("branch7x7_1", inner), wide("branch7x7_2", inner, 7), tall("branch7x7_3", 192, 7)},
           {one("branch7x7dbl_1", inner), tall("branch7x7dbl_2", inner, 7), wide("branch7x7dbl_3", inner, 7),
            tall("branch7x7dbl_4", inner, 7), wide("branch7x7dbl_5", 192, 7)},
           {pool_same(Kind::mean_pool), one("branch_pool", 192)}}};
}

Block block_d(std::string name) {
  return {std::move(name),
          {{one("branch3x3_1", 192), square("branch3x3_2", 320, 3, 0, 2)},
           {one("branch7x7x3_1", 192), wide("branch7x7x3_2", 192, 7), tall("branch7x7x3_3", 192, 7),
            square("branch7x7x3_4", 192, 3, 0, 2)},
           {halve()}}};
}

Block block_e(std::string name, Kind pool) {
  return {std::move(name),
          {{one("branch1x1", 320)},
           {one("branch3x3_1", 384), wide("branch3x3_2a", 384, 3), beside(tall("branch3x3_2b", 384, 3))},
           {one("branch3x3dbl_1", 448), square("branch3x3dbl_2", 384, 3, 1), wide("branch3x3dbl_3a", 384, 3),
            beside(tall("branch3x3dbl_3b", 384, 3))},
           {pool_same(pool), one("branch_pool", 192)}}};
}

}  // namespace

std::vector<Block> blocks() {
  return {stem(),
          block_a("Mixed_5b", 32),
          block_a("Mixed_5c", 64),
          block_a("Mixed_5d", 64),
          block_b("Mixed_6a"),
          block_c("Mixed_6b", 128),
          block_c("Mixed_6c", 160),
          block_c("Mixed_6d", 160),
          block_c("Mixed_6e", 192),
          block_d("Mixed_7a"),
          block_e("Mixed_7b", Kind::mean_pool),
          block_e("Mixed_7c", Kind::max_pool)};
}

bool ends(const Branch& branch, std::size_t step) {
  return step + 1 == branch.size() || branch[step + 1].beside_previous;
}

}  // namespace mebm::models::inception
