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
        "fa3b9edd07400c16fcac807cb67c42a9f1b4db7770581fdbefe9c4ad7150f578",
        0,
        {mebm_network_cifar10_begin, mebm_network_cifar10_end}},
       {"fashion-mnist",
        "4f72aa3a27f8792fa89b52245df0386cb1a1ecf05171842fce269ee60db21bda",
        0,
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
