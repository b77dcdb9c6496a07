# Every file with device kernels, relative to kernels/. nvcc compiles them for GPUs; the host compiler compiles
# the same files for the emulator (tests/emulated).
# MEBM_EMULATOR: the host's stand-in for the CUDA runtime, cuDNN and cuBLAS, for tests.
set(MEBM_EMULATOR
  compat/device_problems.cpp
  compat/launch.cpp
  conv2d/conv2d_checks.cpp
  emulator/conv2d_host.cpp
  emulator/emulated_runtime.cpp
  emulator/fiber_block.cpp
  emulator/gemm_host.cpp
  emulator/graph.cpp
  peers/no_curand.cpp)
set(MEBM_DEVICE_KERNELS
  batch_norm/batch_norm_apply.cu
  batch_norm/batch_norm_fold.cu
  batch_norm/batch_norm_statistics.cu
  chain_exchange/chain_exchange.cu
  channel_bias/channel_bias.cu
  counters/counters.cu
  elementwise/elementwise.cu
  gaussian/gaussian.cu
  image_batch/image_batch.cu
  langevin_step/langevin_step.cu
  leaky_relu/leaky_relu.cu
  linear/linear.cu
  pool/pool.cu
  random_normal/random_normal.cu
  reorder/reorder.cu
  sgd_step/sgd_step.cu
  softmax/softmax.cu
  stem_conv2d/stem_backward_data.cu
  stem_conv2d/stem_backward_weights.cu
  stem_conv2d/stem_conv2d.cu)
