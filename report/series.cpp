#include "report/series.h"

#include <algorithm>
#include <cmath>

namespace mebm::report {

namespace {

void join(SeriesBucket& into, const SeriesBucket& next) {
  if (into.points == 0) {
    into = next;
    return;
  }
  into.last_x = next.last_x;
  into.points += next.points;
  if (next.finite == 0) return;
  into.minimum = into.finite == 0 ? next.minimum : std::min(into.minimum, next.minimum);
  into.maximum = into.finite == 0 ? next.maximum : std::max(into.maximum, next.maximum);
  into.sum += next.sum;
  into.finite += next.finite;
}

}  // namespace

void Series::add(double x, double y) {
  if (buckets_.empty() || buckets_.back().points >= width_) {
    if (std::ssize(buckets_) >= 2 * limit_) halve();
    buckets_.emplace_back();
  }
  SeriesBucket point{.first_x = x, .last_x = x, .points = 1};
  if (std::isfinite(y)) {
    point.sum = point.minimum = point.maximum = last_ = y;
    last_x_ = x;
    point.finite = 1;
    ++finite_;
  }
  ++points_;
  join(buckets_.back(), point);
}

void Series::halve() {
  std::vector<SeriesBucket> halved((buckets_.size() + 1) / 2);
  for (std::size_t i = 0; i < buckets_.size(); ++i) join(halved[i / 2], buckets_[i]);
  buckets_ = std::move(halved);
  width_ *= 2;
}

double Series::minimum() const {
  double found = last_;
  for (const SeriesBucket& bucket : buckets_)
    if (bucket.finite > 0) found = std::min(found, bucket.minimum);
  return found;
}

double Series::maximum() const {
  double found = last_;
  for (const SeriesBucket& bucket : buckets_)
    if (bucket.finite > 0) found = std::max(found, bucket.maximum);
  return found;
}

double Series::median() const {
  std::vector<double> means;
  for (const SeriesBucket& bucket : buckets_)
    if (bucket.finite > 0) means.push_back(bucket.mean());
  if (means.empty()) return 0;
  std::sort(means.begin(), means.end());
  const std::size_t middle = means.size() / 2;
  return means.size() % 2 == 1 ? means[middle] : (means[middle - 1] + means[middle]) / 2;
}

}  // namespace mebm::report
