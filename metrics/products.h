#pragma once
// Blocked fp64 matrix products over OpenMP; a value does not depend on the number of threads.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mebm::metrics {

// Rows of an fp32 matrix [*, width], less `shift` [width] where one is given; does not own them. fp64 copies
// are made of few rows at a time.
struct RowsView {
  std::span<const float> values;
  std::int64_t width = 0;
  std::span<const std::int64_t> order;  // the rows; empty: all
  std::span<const double> shift;

  std::int64_t count() const {
    return order.empty() ? static_cast<std::int64_t>(values.size()) / width
                         : static_cast<std::int64_t>(order.size());
  }
  // Rows first ... first + n - 1 in fp64 to `to` [n, width].
  void copy(std::int64_t first, std::int64_t n, double* to) const;
};

// products [width, width] += x^T x; only blocks on and above the diagonal are written.
void add_gram(const RowsView& x, std::span<double> products);
// Copies what lies above the diagonal of [d, d] below it.
void mirror_upper(std::int64_t d, std::span<double> matrix);

// A block of a b^T: rows first_row ... of a against rows first_column ... of b.
struct ProductBlock {
  std::int64_t first_row = 0, first_column = 0, rows = 0, columns = 0;
  std::span<const double> values;  // [rows, columns]
  int worker = 0;                  // the thread, 0 ... worker_count() - 1

  double at(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(row * columns + column)];
  }
  std::size_t strip() const;  // number of its rows' strip
};

inline constexpr std::int64_t kProductRows = 256;  // of a block, and its columns

inline std::size_t ProductBlock::strip() const {
  return static_cast<std::size_t>(first_row / kProductRows);
}

// Strips of kProductRows rows.
inline std::int64_t strip_count(std::int64_t rows) {
  return (rows + kProductRows - 1) / kProductRows;
}
// Threads that visit_products() works with at most.
int worker_count();

// Computes a b^T block by block and shows each to `visit`, which threads call at the same time: the blocks of
// one strip of a's rows come in order, in one thread. With `upper`, blocks below the diagonal are left out.
void visit_products(const RowsView& a, const RowsView& b, bool upper,
                    const std::function<void(const ProductBlock& block)>& visit);

}  // namespace mebm::metrics
