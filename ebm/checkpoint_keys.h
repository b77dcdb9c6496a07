#pragma once
// Internal to ebm/: the names both sides of the checkpoint format use.

namespace mebm::ebm::keys {

inline constexpr const char* kCheckpointFormat = "mebm-checkpoint";
inline constexpr const char* kInitialFormat = "mebm-initial-distribution";
inline constexpr int kVersion = 1;
inline constexpr const char* kModel = "/model";
inline constexpr const char* kParameters = "/model/parameters/";
inline constexpr const char* kBuffers = "/model/buffers/";
inline constexpr const char* kMomentum = "/optimizer/momentum";
inline constexpr const char* kReplayBuffer = "/replay_buffer";
inline constexpr const char* kInitial = "/initial_distribution";
inline constexpr const char* kRandom = "/random";
inline constexpr const char* kEnvironment = "/environment";

}  // namespace mebm::ebm::keys
