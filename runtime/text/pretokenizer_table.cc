// The pre-tokenizers by the name that `tokenizer.ggml.pre` gives them.
//
// Sources, as facts: the `pre_tokenizer`, `normalizer` and `ignore_merges` fields of the models' own tokenizer.json
// (Hugging Face), and the names and defaults of llama.cpp's `src/llama-vocab.cpp`, from which files take them.
// Where the two differ in form, the form of tokenizer.json stands here: it is the reference.
#include <algorithm>
#include <array>
#include <string>

#include "runtime/text/pretokenizer.h"

namespace linnet::text {
namespace {

using Text = std::string_view;

constexpr Text kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr Text kDigit = R"(\p{N})";
constexpr Text kDigits = R"(\p{N}+)";
constexpr Text kUpTo3Digits = R"(\p{N}{1,3})";

#define LINNET_CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define LINNET_SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"

constexpr Text kLlama3 =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" LINNET_SPACES;
constexpr Text kQwen2 =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" LINNET_SPACES;
constexpr Text kQwen35 =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" LINNET_SPACES;

// Words of capitals and words of small letters; scripts without case, and marks, belong to both.
#define LINNET_CAPITAL R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LINNET_SMALL R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
constexpr Text kTekken =
    R"([^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "*" LINNET_SMALL R"(+|[^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "+" LINNET_SMALL
    R"(*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" LINNET_SPACES;
constexpr Text kGpt4o = R"([^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "*" LINNET_SMALL "+" LINNET_CONTRACTIONS
                        R"(?|[^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "+" LINNET_SMALL "*" LINNET_CONTRACTIONS
                        R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" LINNET_SPACES;
// Kimi's: ideographs are words of their own. PCRE2 10.42 cannot intersect classes, so these name what is left out.
#define LINNET_NEITHER R"(\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}])"
#define LINNET_CAPITAL_NOT_HAN R"([^\p{Ll})" LINNET_NEITHER
#define LINNET_SMALL_NOT_HAN R"([^\p{Lu}\p{Lt})" LINNET_NEITHER
constexpr Text kKimiK2 =
    R"(\p{sc:Han}+|[^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL_NOT_HAN "*" LINNET_SMALL_NOT_HAN "+" LINNET_CONTRACTIONS
    R"(?|[^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL_NOT_HAN "+" LINNET_SMALL_NOT_HAN "*" LINNET_CONTRACTIONS
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" LINNET_SPACES;

// Youtu's: Korean, wide punctuation, Bopomofo, then Chinese and Japanese; the rest as GPT-4o, digits one by one.
constexpr Text kYoutuScripts =
    R"([\x{ac00}-\x{d7a3}\x{3131}-\x{318e}]+|)"
    R"([\x{ff01}\x{2026}\x{201c}\x{201d}\x{2018}\x{2019}\x{2014}\x{ff1a}\x{ff1b}\x{ff0c}\x{3001}-\x{303f}\x{fe30}-\x{fe4f}]+|)"
    R"([\x{3105}-\x{312f}]+|[\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)";
constexpr Text kYoutu = R"([^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "*" LINNET_SMALL "+" LINNET_CONTRACTIONS
                        R"(?|[^\r\n\p{L}\p{N}]?)" LINNET_CAPITAL "+" LINNET_SMALL "*" LINNET_CONTRACTIONS
                        R"(?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" LINNET_SPACES;

// DeepSeek's first tokenizers: letters of alphabets with case, then punctuation, then Chinese and Korean.
constexpr Text kNewline = R"([\r\n])";
constexpr Text kDeepSeekLetters =
    R"(\s?[)"
    R"(A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293})"
    R"(\x{295}-\x{2af}\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}\x{38c})"
    R"(\x{38e}-\x{3a1}\x{3a3}-\x{3f5}\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5})"
    R"(\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b})"
    R"(\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d}\x{1f20}-\x{1f45})"
    R"(\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4})"
    R"(\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb})"
    R"(\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115})"
    R"(\x{2119}-\x{211d}\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134}\x{2139})"
    R"(\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184}\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4})"
    R"(\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d}\x{a680}-\x{a69b}\x{a722}-\x{a76f})"
    R"(\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17})"
    R"(\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb})"
    R"(\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943})"
    R"(]+)";
constexpr Text kDeepSeekPunctuation =
    R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+)";
constexpr Text kTrailingSpaces = R"(\s+$)";
constexpr Text kDeepSeekCjk = R"([\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+)";
constexpr Text kWords = R"(\s?\p{L}+)";
constexpr Text kPunctuation = R"(\s?\p{P}+)";

constexpr Text kCjkAndKana = R"([\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)";
#define LINNET_DEEPSEEK3_WORDS R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
constexpr Text kDeepSeek3 = LINNET_DEEPSEEK3_WORDS R"(| ?[\p{P}\p{S}]+[\r\n]*|)" LINNET_SPACES;

// Hugging Face's Punctuation: the ASCII characters and \p{P}.
constexpr Text kFalconPunctuation = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr Text kDefaultPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr Text kThreeDigits = R"([0-9][0-9][0-9])";

// Runs of spaces in powers of two.
constexpr Text kJais2 = LINNET_CONTRACTIONS
    R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|)"
    R"(\s{1,2}(?!\S)|\s)";
// Words that single spaces join are one. Possessive, so that a long text needs no memory: nothing follows that could
// ask for less.
constexpr Text kExaoneMoe =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}\p{M}*+(?: ?\p{L}\p{M}*+)*+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|)"
                        R"(\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr Text kChameleonSentinel = "<sentinel:[0-9]+>";
constexpr Text kChameleonImage = "IMGIMG[A-I]{1,4}Z";
constexpr Text kChameleonSpaces = R"([\t\n]|    |  )";
constexpr Text kChameleonPunctuation = R"([\p{P}!-/:-@\[-`{-~])";

constexpr Text kBloom = R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{ff0c}\x{3001}\x{964}\x{6d4}\x{60c})]+)";
constexpr Text kSeedCoder =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" LINNET_SPACES;
constexpr Text kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
// Qwen2's without contractions, so that Turkish endings stay with the apostrophe before them.
constexpr Text kUfakzeka = R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" LINNET_SPACES;

// A whole number of decimal digits before which none stands: the look behind keeps a long number that something refuses
// from being tried from each of its digits.
#define LINNET_WHOLE_NUMBER R"((?<!\p{Nd})\p{Nd}++)"
// Cohere's numbers end where a word does; what counts as part of a word is what the reference's \w matches.
constexpr Text kCohereNumber =
    LINNET_WHOLE_NUMBER R"((?![\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{24b6}-\x{24e9})"
                        R"(\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}]))";
constexpr Text kWholeNumber = LINNET_WHOLE_NUMBER;
// AFMoE's scripts without spaces between words.
constexpr Text kAfmoeScripts =
    R"([\x{4e00}-\x{9fff}\x{3040}-\x{309f}\x{30a0}-\x{30ff}\x{3400}-\x{4dbf}\x{f900}-\x{faff}\x{ff65}-\x{ff9f})"
    R"(\x{2f00}-\x{2fdf}]+|[\x{e00}-\x{e7f}]+|[\x{e80}-\x{eff}]+|[\x{1780}-\x{17ff}]+|)"
    R"([\x{1000}-\x{109f}\x{aa60}-\x{aa7f}\x{a9e0}-\x{a9ff}]+|[\x{ac00}-\x{d7af}\x{1100}-\x{11ff}]+)";
constexpr Text kSpark25 = LINNET_DEEPSEEK3_WORDS R"(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr Text kLines = R"([^\n]+|[\n]+)";
constexpr Text kMiniCpm5 =
    LINNET_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|)" LINNET_SPACES;

constexpr std::array kGpt2Only{kGpt2};
constexpr std::array kDigitThenGpt2{kDigit, kGpt2};
constexpr std::array kLlama3Only{kLlama3};
constexpr std::array kQwen2Only{kQwen2};
constexpr std::array kQwen35Only{kQwen35};
constexpr std::array kTekkenOnly{kTekken};
constexpr std::array kGpt4oOnly{kGpt4o};
constexpr std::array kDeepSeekLlm{kNewline,        kDeepSeekLetters, kDeepSeekPunctuation,
                                  kTrailingSpaces, kDeepSeekCjk,     kDigit};
constexpr std::array kDeepSeekCoder{kNewline, kWords, kPunctuation, kDeepSeekCjk, kDigit};
constexpr std::array kDeepSeekV3{kUpTo3Digits, kCjkAndKana, kDeepSeek3};
constexpr std::array kFalcon{kFalconPunctuation, kGpt2};
constexpr std::array kDefault{kDefaultPunctuation, kGpt2, kDigits, kThreeDigits};
constexpr std::array kBloomOnly{kBloom};
constexpr std::array kViking{kBloom, kDigit};
constexpr std::array kSeedCoderOnly{kSeedCoder};
constexpr std::array kBailingOnly{kBailing};
constexpr std::array kLinesOnly{kLines};
constexpr std::array kLinesThenQwen2{kLines, kQwen2};
constexpr std::array kKimiK2Only{kKimiK2};
constexpr std::array kYoutuBoth{kYoutuScripts, kYoutu};
constexpr std::array kJais2Only{kJais2};
constexpr std::array kExaoneMoeOnly{kExaoneMoe};
constexpr std::array kChameleon{
    kChameleonSentinel, kChameleonImage, kChameleonSpaces, kDigit, kChameleonPunctuation, kGpt2};
constexpr std::array kMiniCpm5Both{kUpTo3Digits, kMiniCpm5};

constexpr std::array kUfakzekaOnly{kUfakzeka};
constexpr std::array kCohereNumberThenGpt4o{kCohereNumber, kGpt4o};
constexpr std::array kAfmoe{kWholeNumber, kAfmoeScripts, kDeepSeek3};
constexpr std::array kNumbers{kDigits};
constexpr std::array kSpark25All{kUpTo3Digits, kCjkAndKana, kSpark25, kDigit};

constexpr auto kNone = Normalization::kNone;
constexpr auto kNfc = Normalization::kNfc;
constexpr auto kMerging = WholeWords::kByMerging;
constexpr auto kFirst = WholeWords::kFirst;
constexpr auto kBytes = Alphabet::kBytes;
constexpr auto kCharacters = Alphabet::kCharacters;
constexpr auto kThrees = DigitGroups::kThreesFromTheRight;

// name, expressions, normalization, whole words, add BOS, add separator, alphabet, digits of bytes
constexpr PreTokenizerRow kRows[] = {
    {"default", kDefault},
    {"gpt-2", kGpt2Only},
    {"phi-2", kGpt2Only},
    {"mpt", kGpt2Only, kNfc},
    {"olmo", kGpt2Only, kNfc},
    {"jais", kGpt2Only},
    {"gigachat", kGpt2Only},
    {"exaone4", kGpt2Only},
    {"trillion", kGpt2Only},
    {"granite-docling", kGpt2Only},
    {"jina-es", kGpt2Only},
    {"jina-de", kGpt2Only},
    {"jina-v2-es", kGpt2Only},
    {"jina-v2-de", kGpt2Only},
    {"modern-bert", kGpt2Only, kNfc},
    {"mellum", kGpt2Only},
    {"a.x-4.0", kGpt2Only},
    {"jina-v1-en", kGpt2Only, kNone, kMerging, false, true},
    {"jina-v2-code", kGpt2Only, kNone, kMerging, false, true},
    {"roberta-bpe", kGpt2Only, kNone, kMerging, false, true},
    {"smollm", kDigitThenGpt2},
    {"starcoder", kDigitThenGpt2},
    {"refact", kDigitThenGpt2},
    {"command-r", kDigitThenGpt2, kNfc},
    {"codeshell", kDigitThenGpt2},
    {"exaone", kDigitThenGpt2},
    {"minerva-7b", kDigitThenGpt2},
    {"mellum2", kDigitThenGpt2},
    {"llama-bpe", kLlama3Only, kNone, kFirst, true},
    {"llama3", kLlama3Only, kNone, kFirst, true},
    {"llama-v3", kLlama3Only, kNone, kFirst, true},
    {"falcon3", kLlama3Only, kNone, kFirst, true},
    {"falcon-h1", kLlama3Only, kNone, kFirst, true},
    {"pixtral", kLlama3Only, kNone, kFirst, true},
    {"midm-2.0", kLlama3Only, kNone, kFirst, true},
    {"lfm2", kLlama3Only, kNone, kFirst, true},
    {"jina-v5-nano", kLlama3Only, kNone, kFirst, true},
    {"dbrx", kLlama3Only},
    {"smaug-bpe", kLlama3Only},
    {"glm4", kLlama3Only, kNone, kFirst},
    {"glm5", kLlama3Only, kNone, kFirst},
    {"chatglm-bpe", kLlama3Only, kNone, kFirst},
    {"qwen2", kQwen2Only, kNfc},
    {"deepseek-r1-qwen", kQwen2Only},
    {"megrez", kQwen2Only, kNfc},
    {"stablelm2", kQwen2Only},
    {"hunyuan", kQwen2Only},
    {"solar-open", kQwen2Only},
    {"grok-2", kQwen2Only},
    {"kormo", kQwen2Only},
    {"f2llmv2", kQwen2Only, kNfc},
    {"laguna", kLinesThenQwen2},
    {"qwen35", kQwen35Only, kNfc},
    {"deepseek-llm", kDeepSeekLlm},
    {"deepseek-coder", kDeepSeekCoder},
    {"deepseek-v3", kDeepSeekV3},
    {"hunyuan-dense", kDeepSeekV3},
    {"hy_v4", kDeepSeekV3},
    {"joyai-llm", kDeepSeekV3},
    {"falcon", kFalcon, kNone, kMerging, false, false, kBytes, ByteDigits::kInThrees},
    {"tekken", kTekkenOnly, kNone, kFirst, true},
    {"gpt-4o", kGpt4oOnly},
    {"llama4", kGpt4oOnly, kNone, kFirst},
    {"kanana2", kGpt4oOnly},
    {"minimax-m2", kGpt4oOnly},
    {"talkie", kGpt4oOnly},
    {"granite-embed-multi-97m", kGpt4oOnly, kNone, kFirst},
    {"kimi-k2", kKimiK2Only, kNone, kFirst},
    {"youtu", kYoutuBoth, kNone, kFirst},
    {"jais-2", kJais2Only},
    {"exaone-moe", kExaoneMoeOnly},
    {"chameleon", kChameleon, kNone, kMerging, true},
    {"bloom", kBloomOnly},
    {"poro-chat", kBloomOnly},
    {"gpt3-finnish", kBloomOnly},
    {"viking", kViking},
    {"seed-coder", kSeedCoderOnly},
    {"bailingmoe", kBailingOnly},
    {"bailingmoe2", kBailingOnly},
    {"llada-moe", kBailingOnly},
    {"minicpm5", kMiniCpm5Both, kNone, kFirst},
    {"ufakzeka", kUfakzekaOnly},
    {"spark2_5", kSpark25All},
    {.name = "tiny_aya", .expressions = kCohereNumberThenGpt4o, .normalization = kNfc, .digit_groups = kThrees},
    {.name = "cohere2moe", .expressions = kCohereNumberThenGpt4o, .normalization = kNfc, .digit_groups = kThrees},
    {.name = "afmoe", .expressions = kAfmoe, .digit_groups = kThrees},
    {.name = "superbpe", .expressions = kNumbers, .digit_groups = kThrees},
    {"gemma4", kLinesOnly, kNone, kMerging, true, false, kCharacters},
    {"granite-embed-multi-311m", kLinesOnly, kNone, kMerging, false, false, kCharacters},
    {"sarvam-moe", kLinesOnly, kNone, kMerging, false, false, kCharacters},
};

}  // namespace

std::span<const PreTokenizerRow> pre_tokenizers() { return kRows; }

Result<const PreTokenizerRow*> find_pre_tokenizer(std::string_view name) {
  if (name.empty()) name = "default";
  const auto* row = std::ranges::find(kRows, name, &PreTokenizerRow::name);
  if (row == std::end(kRows)) {
    return fail(ErrorKind::kUnsupported, "unknown pre-tokenizer '" + std::string(name.substr(0, 64)) +
                                             "' (tokenizer.ggml.pre): this version cannot cut text as it does");
  }
  return row;
}

}  // namespace linnet::text
