#include "metrics/reference_networks.h"

#include <algorithm>
#include <array>

namespace mebm::metrics {

// The files of metrics/networks/ (cmake/EmbedFile.cmake).
std::string_view cifar10_network();
std::string_view fashion_mnist_network();

std::span<const ReferenceNetwork> reference_networks() {
  static const std::array<ReferenceNetwork, 2> networks{
      {{"cifar10", "d952406bb60c6f3a1408e63112e25aeb65492b808e368c6f3ad052d41d9fab5e", 4.959854,
        std::as_bytes(std::span(cifar10_network()))},
       {"fashion-mnist", "238faf5c70b5e6dc9e06c462e0e9432e7a47d3fbdf0c2e35d479cf3f464f5192", 8.855336,
        std::as_bytes(std::span(fashion_mnist_network()))}}};
  return networks;
}

const ReferenceNetwork* find_reference_network(std::string_view set) {
  const auto networks = reference_networks();
  const auto found = std::find_if(networks.begin(), networks.end(),
                                  [&](const ReferenceNetwork& network) { return network.set == set; });
  return found == networks.end() ? nullptr : &*found;
}

std::string known_reference_networks() {
  std::string names;
  for (const ReferenceNetwork& network : reference_networks())
    names += (names.empty() ? "" : ", ") + std::string(network.set);
  return names;
}

}  // namespace mebm::metrics
