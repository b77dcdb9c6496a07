#include "engine/io/inspect.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>

namespace mebm::engine {
namespace {

constexpr std::string_view kParameters = "/model/parameters/";

template <typename T>
void summarize_values(const Hdf5Reader& reader, TensorSummary& tensor) {
  const std::int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
  const std::int64_t step = reader.rows_per_piece(tensor.path);
  double minimum = HUGE_VAL, maximum = -HUGE_VAL;
  long double sum = 0;  // 10^8 values of one sign lose nothing that is printed
  for (std::int64_t first = 0; first < rows; first += step) {
    for (const T value : reader.read_rows<T>(tensor.path, first, std::min(step, rows - first))) {
      const auto number = static_cast<double>(value);
      if (!std::isfinite(number)) {
        ++tensor.non_finite;
        continue;
      }
      minimum = std::min(minimum, number);
      maximum = std::max(maximum, number);
      sum += number;
    }
  }
  const std::int64_t finite = tensor.elements - tensor.non_finite;
  if (finite == 0) return;
  tensor.minimum = minimum;
  tensor.maximum = maximum;
  tensor.mean = static_cast<double>(sum / finite);
}

TensorSummary summarize(const Hdf5Reader& reader, const std::string& path) {
  const Hdf5Entry entry = reader.dataset(path);
  TensorSummary tensor{path, entry.type, entry.shape, 1, {}, {}, {}, 0};
  for (const std::int64_t extent : entry.shape) tensor.elements *= extent;
  switch (entry.type) {
    case Hdf5Type::other:
      break;
    case Hdf5Type::f32:
      summarize_values<float>(reader, tensor);
      break;
    case Hdf5Type::f64:
      summarize_values<double>(reader, tensor);
      break;
    case Hdf5Type::u64:
      summarize_values<std::uint64_t>(reader, tensor);
      break;
    default:
      summarize_values<std::int64_t>(reader, tensor);
      break;
  }
  return tensor;
}

// Takes an attribute of type T out of the map; nullopt where it is absent or of another type (it then stays
// and is shown with the rest).
template <typename T>
std::optional<T> take(std::map<std::string, Hdf5Attribute>& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  if (found == attributes.end() || !std::holds_alternative<T>(found->second)) return std::nullopt;
  T value = std::get<T>(std::move(found->second));
  attributes.erase(found);
  return value;
}

// Groups at the root and those with tensors below them, without the root.
std::set<std::string> group_paths(const Hdf5Reader& reader, const std::vector<std::string>& datasets) {
  std::set<std::string> groups;
  for (const Hdf5Entry& entry : reader.list("/"))
    if (entry.kind == Hdf5Kind::group) groups.insert("/" + entry.name);
  for (const std::string& dataset : datasets)
    for (std::size_t slash = dataset.find('/', 1); slash != std::string::npos;
         slash = dataset.find('/', slash + 1))
      groups.insert(dataset.substr(0, slash));
  return groups;
}

}  // namespace

FileSummary inspect_file(const std::filesystem::path& path) {
  FileSummary summary;
  summary.path = path.string();
  summary.check = verify(path);
  if (summary.check.state != FileState::intact && summary.check.state != FileState::foreign) return summary;
  const Hdf5Reader reader = open_checked(path, summary.check);
  summary.attributes = reader.attributes("/");
  summary.format = take<std::string>(summary.attributes, "format").value_or("");
  summary.version = take<std::int64_t>(summary.attributes, "version");
  summary.iteration = take<std::int64_t>(summary.attributes, "iteration");
  summary.epoch = take<std::int64_t>(summary.attributes, "epoch");
  summary.engine_version = take<std::string>(summary.attributes, "engine_version");
  summary.created = take<std::string>(summary.attributes, "created");
  summary.config = take<std::string>(summary.attributes, "config");
  if (reader.exists("/model")) summary.model_attributes = reader.attributes("/model");
  const std::vector<std::string> datasets = reader.dataset_paths();
  for (const std::string& group : group_paths(reader, datasets))
    if (auto attributes = reader.attributes(group); group != "/model" && !attributes.empty())
      summary.group_attributes[group] = std::move(attributes);
  for (const std::string& dataset : datasets) {
    summary.tensors.push_back(summarize(reader, dataset));
    const TensorSummary& tensor = summary.tensors.back();
    summary.tensor_bytes += static_cast<std::uint64_t>(tensor.elements) * size_of(tensor.type);
    summary.non_finite += tensor.non_finite;
    if (dataset.starts_with(kParameters)) summary.parameters += tensor.elements;
  }
  return summary;
}

}  // namespace mebm::engine
