#include "models/decoder_head.h"

#include "models/vocabulary.h"

namespace linnet::models {

BufferId write_head(ProgramBuilder& program, BufferId hidden, const DecoderHead& head) {
  const BufferId last = program.outputs("last hidden", head.width);
  const BufferId logits = program.outputs("logits", head.vocabulary);
  program.step("select", SelectOutputs{hidden, last});
  program.step("final norm", RmsNorm{last, program.vector("output_norm.weight", head.width), last, head.epsilon});
  const char* const tensor = head.tied ? kEmbeddingTensor : kHeadTensor;
  program.step("head", MatMul{last, {{program.matrix(tensor, head.vocabulary, head.width), {}, logits}}, kFineTerms});
  return logits;
}

}  // namespace linnet::models
