#pragma once
// A curve of bounded size, however many points it is fed.

#include <cstdint>
#include <vector>

namespace mebm::report {

// Neighbouring points taken together. `minimum` and `maximum` are of finite values; `finite` counts them.
struct SeriesBucket {
  double first_x = 0, last_x = 0;
  double sum = 0, minimum = 0, maximum = 0;
  std::int64_t points = 0, finite = 0;

  double mean() const { return sum / static_cast<double>(finite); }
  double middle_x() const { return (first_x + last_x) / 2; }
};

// Keeps every point until there are 2 * limit of them, then takes neighbours together, pair by pair, as often
// as needed: between limit and 2 * limit buckets remain, and no extreme is lost. Values that are not finite
// are counted and leave a gap where a bucket holds nothing else.
class Series {
 public:
  static constexpr int kLimit = 500;

  explicit Series(int limit = kLimit) : limit_(limit) {}

  void add(double x, double y);
  const std::vector<SeriesBucket>& buckets() const { return buckets_; }
  std::int64_t points() const { return points_; }
  std::int64_t finite() const { return finite_; }
  std::int64_t points_per_bucket() const { return width_; }
  double last() const { return last_; }  // the newest finite value; 0 where there is none
  double last_x() const { return last_x_; }
  double minimum() const;  // of all finite values; 0 where there is none
  double maximum() const;
  // Median of the finite values; of the buckets' means where points were taken together. 0 where there is
  // none.
  double median() const;

 private:
  void halve();

  int limit_;
  std::int64_t width_ = 1, points_ = 0, finite_ = 0;
  double last_ = 0, last_x_ = 0;
  std::vector<SeriesBucket> buckets_;
};

}  // namespace mebm::report
