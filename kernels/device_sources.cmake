# Every file with device kernels, relative to kernels/. nvcc compiles them for GPUs; the host compiler compiles
# the same files for the emulator (tests/emulated).
set(MEBM_DEVICE_KERNELS
  batch_norm/batch_norm_apply.cu
  batch_norm/batch_norm_fold.cu
  batch_norm/batch_norm_statistics.cu
  channel_bias/channel_bias.cu
  langevin_step/langevin_step.cu
  leaky_relu/leaky_relu.cu)
