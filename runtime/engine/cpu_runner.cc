#include "runtime/engine/cpu_runner.h"

namespace linnet::engine {

Result<std::unique_ptr<CpuRunner>> CpuRunner::create(Arena& arena, Setup& setup, const KernelSet& kernels,
                                                     KvCache& cache) {
  std::unique_ptr<CpuRunner> runner(new CpuRunner());
  LINNET_TRY(runner->pool_, ThreadPool::create(setup.options.threads));
  cache.use_storage(arena.take<std::uint16_t>(cache_numbers(setup.program, setup.cache)));
  const Workspace workspace = Workspace::take(arena, setup.workspace);
  if (const std::size_t bytes = transposed_bytes(setup.weights, setup.program); bytes != 0) {
    load_transposed(setup.weights, setup.program, arena.take<std::byte>(bytes));
  }
  const std::size_t copies = copied_vector_numbers(setup.weights, setup.program);
  load_vectors(setup.weights, setup.program, copies != 0 ? arena.take<float>(copies) : std::span<float>{});
  runner->residency_.emplace(setup.weights, setup.program, setup.options.files);
  runner->executor_.emplace(ExecutorParts{.program = setup.program,
                                          .weights = setup.weights,
                                          .residency = *runner->residency_,
                                          .plan = setup.buffers,
                                          .kernels = kernels,
                                          .cache = cache,
                                          .pool = *runner->pool_},
                            workspace);
  return runner;
}

}  // namespace linnet::engine
