#include "metrics/reference_networks.h"

#include <algorithm>
#include <array>

// The files of metrics/networks/, put into the program by the assembler.
#define MEBM_EMBED(symbol, file)                                       \
  asm(".pushsection .rodata\n"                                         \
      ".balign 64\n"                                                   \
      ".hidden " #symbol "_begin\n.global " #symbol "_begin\n" #symbol \
      "_begin:\n"                                                      \
      ".incbin \"" MEBM_NETWORKS "/" file                              \
      "\"\n"                                                           \
      ".hidden " #symbol "_end\n.global " #symbol "_end\n" #symbol     \
      "_end:\n"                                                        \
      ".byte 0\n"                                                      \
      ".popsection\n");                                                \
  extern "C" const std::byte symbol##_begin[], symbol##_end[]

MEBM_EMBED(mebm_network_cifar10, "cifar10.h5");
MEBM_EMBED(mebm_network_fashion_mnist, "fashion-mnist.h5");

namespace mebm::metrics {

std::span<const ReferenceNetwork> reference_networks() {
  static const std::array<ReferenceNetwork, 2> networks{
      {{"cifar10",
        "d952406bb60c6f3a1408e63112e25aeb65492b808e368c6f3ad052d41d9fab5e",
        4.959854,
        {mebm_network_cifar10_begin, mebm_network_cifar10_end}},
       {"fashion-mnist",
        "238faf5c70b5e6dc9e06c462e0e9432e7a47d3fbdf0c2e35d479cf3f464f5192",
        8.855336,
        {mebm_network_fashion_mnist_begin, mebm_network_fashion_mnist_end}}}};
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
