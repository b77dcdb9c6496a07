# Every file with device kernels, relative to kernels/. nvcc compiles them for GPUs; the host compiler compiles
# the same files for the emulator (tests/emulated).
set(MEBM_DEVICE_KERNELS
  chain_exchange/chain_exchange.cu
  image_batch/image_batch.cu
  langevin_step/langevin_step.cu
  random_normal/random_normal.cu
  stem_conv2d/stem_backward_data.cu
  stem_conv2d/stem_backward_weights.cu
  stem_conv2d/stem_conv2d.cu)
