// Chains and batches: the Langevin step, random numbers, draws of p0, the replay buffer, images of a data
// set. Ops on batches exist on a device only; the CPU's side of those cases is their definition, written out
// here.

#include "engine/ops/sampling.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/ops/batches.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/gaussian.h"
#include "selftest/case.h"

namespace mebm::selftest {

using engine::PhiloxKey;
using engine::RandomPurpose;
using engine::Shape;
using engine::Tensor;
namespace ops = engine::ops;

namespace {

constexpr std::uint32_t kIteration = 7, kSlot = 5, kStep = 3;
const PhiloxKey kKey(0x123456789abcdef0u);

std::size_t row_size(const Shape& shape) {
  return static_cast<std::size_t>(shape.elements() / shape[0]);
}

void langevin(Sweep& sweep, const Shape& shape, double noise) {
  const Array x = sweep.random().values(shape, -1, 1), gradient = sweep.random().values(shape, -2, 2);
  const auto build = [=](const Side& side, Work& work) {
    Tensor& chains = work.output("x", Grade::real, side.plain(x));
    work.run = [&chains, &context = side.context(), noise, gradient = side.plain(gradient),
                cell = side.integers({1}, std::array{static_cast<std::int32_t>(kIteration)})] {
      ops::LangevinUpdate update;
      update.step_size = 0.5;
      update.noise = noise;
      update.key = kKey;
      update.iteration = {kIteration, &cell};
      update.step = kStep;
      update.first_slot = kSlot;
      ops::langevin_step(context, update, gradient, chains);
    };
  };
  sweep.add({.op = noise > 0 ? "Langevin step" : "Langevin step, no noise",
             .shape = text(shape),
             .build = build,
             .bytes = 12 * static_cast<double>(shape.elements()),
             .twin_in_fp32 = true});
}

void normals(Sweep& sweep, const Shape& shape) {
  const auto build = [shape](const Side& side, Work& work) {
    Tensor& out = work.output("normals", Grade::real, side.context().empty(shape, side.real()));
    work.run = [&out, &context = side.context()] {
      ops::fill_normal(context, kKey, RandomPurpose::initial_draw, kIteration, 0, kSlot, out);
    };
  };
  sweep.add({.op = "normals",
             .shape = text(shape),
             .build = build,
             .bytes = 4 * static_cast<double>(shape.elements()),
             .twin_in_fp32 = true});
}

void uniforms(Sweep& sweep, const Shape& shape) {
  const auto define = [shape] {
    Values values(static_cast<std::size_t>(shape.elements()));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = 2 * engine::random_uniform<double>(kKey, RandomPurpose::buffer_fill, kIteration,
                                                     kSlot + static_cast<std::uint32_t>(i / row_size(shape)),
                                                     0, static_cast<std::uint32_t>(i % row_size(shape))) -
                  1;
    return values;
  };
  const auto build = [shape, define](const Side& side, Work& work) {
    Tensor& out = work.output("uniforms", Grade::real, side.context().empty(shape, side.real()));
    work.run = [&out, define, &context = side.context()] {
      if (!context.on_device()) return put(define(), out);
      ops::fill_uniform(context, kKey, RandomPurpose::buffer_fill, kIteration, kSlot, out);
    };
  };
  sweep.add({.op = "uniforms",
             .shape = text(shape),
             .build = build,
             .bytes = 4 * static_cast<double>(shape.elements()),
             .device_only = true});
}

void gaussian(Sweep& sweep, const Shape& shape) {
  const auto size = static_cast<std::int64_t>(row_size(shape));
  const Array mean = sweep.random().values({size}, -0.5, 0.5), z = sweep.random().values({shape[0], size});
  Array factor = sweep.random().weights({size, size});
  for (std::size_t i = 0; i < factor.values.size(); ++i)
    if (i % static_cast<std::size_t>(size) > i / static_cast<std::size_t>(size)) factor.values[i] = 0;
  const auto build = [=](const Side& side, Work& work) {
    Tensor& out = work.output("x", Grade::real, side.context().empty(shape, side.real()));
    work.run = [&out, &context = side.context(), mean = side.plain(mean), factor = side.plain(factor),
                z = side.plain(z)] { ops::gaussian_draw(context, mean, factor, z, 1, out); };
  };
  const auto d = static_cast<double>(size), rows = static_cast<double>(shape[0]);
  sweep.add({"draw of p0", text(shape), build, 4 * (d * d + 2 * rows * d), 2 * rows * d * d});
}

// Chains of a batch: distinct rows of a buffer, some restarted.
struct Exchange {
  Shape buffer, batch;
  std::vector<std::int32_t> sources;  // [B,2]
};

Exchange random_exchange(Generator& random, const Shape& batch) {
  Exchange e{batch.with_rows(3 * batch[0] + random.integer(0, 5)), batch, {}};
  for (std::int64_t j = 0; j < batch[0]; ++j) {
    const std::int64_t row = 3 * j + random.integer(0, 2);
    e.sources.push_back(static_cast<std::int32_t>(row));
    e.sources.push_back(static_cast<std::int32_t>(random.integer(0, 1)));
  }
  return e;
}

// Row j of `to` or, where `from` is the batch, row sources[j] of it.
void copy_row(const Array& from, std::size_t row, Values& to, std::size_t at) {
  const std::size_t size = row_size(from.shape);
  std::copy_n(from.values.begin() + static_cast<std::ptrdiff_t>(row * size), size,
              to.begin() + static_cast<std::ptrdiff_t>(at * size));
}

void draw_chains(Sweep& sweep, const Shape& batch) {
  Generator& random = sweep.random();
  const Exchange e = random_exchange(random, batch);
  const Array buffer = random.values(e.buffer), fresh = random.values(batch);
  const auto define = [=] {
    Values out(fresh.values.size());
    for (std::size_t j = 0; 2 * j < e.sources.size(); ++j)
      if (e.sources[2 * j + 1] != 0)
        copy_row(fresh, j, out, j);
      else
        copy_row(buffer, static_cast<std::size_t>(e.sources[2 * j]), out, j);
    return out;
  };
  const auto build = [=](const Side& side, Work& work) {
    Tensor& out = work.output("chains", Grade::exact, side.context().empty(batch, side.real()));
    work.run = [&out, define, &context = side.context(), buffer = side.plain(buffer),
                fresh = side.plain(fresh), sources = side.integers({batch[0], 2}, e.sources)] {
      if (!context.on_device()) return put(define(), out);
      ops::draw_chains(context, sources, buffer, fresh, out);
    };
  };
  sweep.add({.op = "draw chains",
             .shape = text(batch),
             .build = build,
             .bytes = 8 * static_cast<double>(batch.elements()),
             .device_only = true});
}

void write_back(Sweep& sweep, const Shape& batch) {
  Generator& random = sweep.random();
  const Exchange e = random_exchange(random, batch);
  const Array before = random.values(e.buffer), states = random.values(batch);
  const auto define = [=] {
    Values out = before.values;
    for (std::size_t j = 0; 2 * j < e.sources.size(); ++j)
      copy_row(states, j, out, static_cast<std::size_t>(e.sources[2 * j]));
    return out;
  };
  const auto build = [=](const Side& side, Work& work) {
    Tensor& buffer = work.output("buffer", Grade::exact, side.plain(before));
    work.run = [&buffer, define, &context = side.context(), states = side.plain(states),
                sources = side.integers({batch[0], 2}, e.sources)] {
      if (!context.on_device()) return put(define(), buffer);
      ops::write_back_chains(context, sources, states, buffer);
    };
  };
  sweep.add({.op = "write chains back",
             .shape = text(batch),
             .build = build,
             .bytes = 8 * static_cast<double>(batch.elements()),
             .device_only = true});
}

constexpr int kPadding = 4;

// Coordinate that `i` stands for when the axis is mirrored at its ends without repeating them.
std::int64_t mirrored(std::int64_t i, std::int64_t extent) {
  return i < 0 ? -i : i < extent ? i : 2 * (extent - 1) - i;
}

struct Images {
  Shape batch;
  Array set;  // bytes as numbers, or values
  std::vector<ops::ImageRow> rows;
  bool bytes = false;

  double decode(double pixel) const { return bytes ? pixel / 127.5 - 1 : pixel; }
};

Images random_images(Generator& random, const Shape& batch, bool bytes) {
  Images images{batch, random.values(batch.with_rows(batch[0] + 9), -1, 1), {}, bytes};
  if (bytes)
    for (double& value : images.set.values) value = static_cast<double>(random.integer(0, 255));
  const auto byte = [&](std::int64_t high) { return static_cast<std::uint8_t>(random.integer(0, high)); };
  for (std::int64_t j = 0; j < batch[0]; ++j)
    images.rows.push_back({static_cast<std::uint32_t>(random.integer(0, batch[0] + 8)), byte(2 * kPadding),
                           byte(2 * kPadding), byte(1), byte(1)});
  return images;
}

Values loaded(const Images& images) {
  const Shape& s = images.batch;
  Values out;
  for (const ops::ImageRow& row : images.rows)
    for (std::int64_t c = 0; c < s[1]; ++c)
      for (std::int64_t h = 0; h < s[2]; ++h)
        for (std::int64_t w = 0; w < s[3]; ++w) {
          std::int64_t y = h, x = w;
          if (row.cropped != 0) {
            y = mirrored(h + row.row_offset - kPadding, s[2]);
            x = mirrored((row.flip != 0 ? s[3] - 1 - w : w) + row.column_offset - kPadding, s[3]);
          }
          const auto at = static_cast<std::size_t>(((row.image * s[1] + c) * s[2] + y) * s[3] + x);
          out.push_back(images.decode(images.set.values[at]));
        }
  return out;
}

std::vector<std::int32_t> table_of(const std::vector<ops::ImageRow>& rows) {
  std::vector<std::int32_t> table(2 * rows.size());
  std::copy_n(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(ops::ImageRow),
              reinterpret_cast<char*>(table.data()));
  return table;
}

Tensor put_set(const Side& side, const Images& images) {
  if (!images.bytes) return side.plain(images.set);
  const std::vector<std::uint8_t> bytes(images.set.values.begin(), images.set.values.end());
  return side.bytes(images.set.shape, bytes);
}

void load(Sweep& sweep, const Shape& batch, bool bytes, double noise) {
  const Images images = random_images(sweep.random(), batch, bytes);
  const auto build = [=](const Side& side, Work& work) {
    Tensor& out = work.output("images", Grade::real, side.context().empty(batch, side.real()));
    work.run = [=, &out, &context = side.context(), set = put_set(side, images),
                rows = side.integers({batch[0], 2}, table_of(images.rows)),
                cell = side.integers({1}, std::array{static_cast<std::int32_t>(kIteration)})] {
      if (context.on_device()) {
        ops::ImageDecoding decoding;
        if (bytes) decoding.divisor = 127.5;
        if (bytes) decoding.shift = -1;
        decoding.noise = noise;
        decoding.padding = kPadding;
        decoding.key = kKey;
        decoding.first_slot = kSlot;
        decoding.iteration = {kIteration, &cell};
        return ops::load_images(context, set, rows, decoding, out);
      }
      Tensor normals = context.empty(batch, out.dtype());
      ops::fill_normal(context, kKey, RandomPurpose::data_noise, kIteration, 0, kSlot, normals);
      put(loaded(images), out);
      ops::axpby(context, noise, normals, 1, out);
    };
  };
  sweep.add({.op = bytes ? "load images, bytes" : "load images, values",
             .shape = text(batch),
             .build = build,
             .bytes = static_cast<double>(batch.elements()) * (bytes ? 5 : 8),
             .twin_in_fp32 = true,
             .device_only = true});
}

}  // namespace

void sampling_cases(Sweep& sweep) {
  std::vector<Shape> shapes;
  if (!sweep.recipes()) shapes = {sweep.images(), {sweep.random().pick({3, 31}), 1, 7, 11}};
  if (sweep.work_shapes() || sweep.recipes()) shapes.push_back({64, 3, 32, 32});
  for (const Shape& shape : shapes) {
    langevin(sweep, shape, 0.01);
    langevin(sweep, shape, 0);
    normals(sweep, shape);
    uniforms(sweep, shape);
    gaussian(sweep, shape);
    draw_chains(sweep, shape);
    write_back(sweep, shape);
    load(sweep, shape, true, 0.03);
    load(sweep, shape, false, 0);
  }
}

}  // namespace mebm::selftest
