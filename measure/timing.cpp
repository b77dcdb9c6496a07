#include "measure/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/device/accelerator.h"

namespace mebm::measure {

double seconds_taken(engine::Context& context, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  if (context.on_device()) context.accelerator().synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<double> seconds_of_calls(engine::Context& context, const std::function<void()>& work,
                                     const Effort& effort) {
  constexpr double kMostCalls = 1000;
  (void)seconds_taken(context, work);
  const double once = seconds_taken(context, work);
  const int calls = static_cast<int>(std::clamp(std::floor(effort.stretch / once), 1.0, kMostCalls));
  std::vector<double> times;
  double spent = 0;
  while (static_cast<int>(times.size()) < effort.stretches && (times.size() < 2 || spent < effort.seconds)) {
    const double taken = seconds_taken(context, [&] {
      for (int call = 0; call < calls; ++call) work();
    });
    spent += taken;
    times.push_back(taken / calls);
  }
  return times;
}

double seconds_of(engine::Context& context, const std::function<void()>& work) {
  return median(seconds_of_calls(context, work, {}));
}

double median(std::span<const double> values) {
  engine::require(!values.empty(), "there is no median of no values");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace mebm::measure
