// Chat templates of our own, for models whose template is absent or refused.
#pragma once

#include <array>
#include <string_view>

namespace linnet::templates {

struct BuiltInTemplate {
  std::string_view name;
  std::string_view text;
};

// Plain conversations in the forms of four families; tools and reasoning need a model's own template.
inline constexpr std::array<BuiltInTemplate, 4> kBuiltInTemplates = {{
    {"chatml", R"({%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + (message.content or '') + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %})"},
    {"llama3", R"({{- bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + (message.content or '') | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})"},
    {"deepseek", R"({{- bos_token }}
{%- for message in messages if message.role == 'system' %}
{{- (message.content or '') + ('\n\n' if not loop.last else '') }}
{%- endfor %}
{%- for message in messages %}
{%- if message.role == 'user' %}
{{- '<｜User｜>' + (message.content or '') }}
{%- elif message.role == 'assistant' %}
{{- '<｜Assistant｜>' + (message.content or '').split('</think>')[-1] + '<｜end▁of▁sentence｜>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<｜Assistant｜>' }}
{%- endif %})"},
    {"mistral", R"({{- bos_token }}
{%- set ns = namespace(system='') %}
{%- for message in messages %}
{%- if message.role == 'system' %}
{%- set ns.system = (message.content or '') + '\n\n' %}
{%- elif message.role == 'user' %}
{{- '[INST] ' + ns.system + (message.content or '') + ' [/INST]' }}
{%- set ns.system = '' %}
{%- elif message.role == 'assistant' %}
{{- ' ' + (message.content or '') | trim + eos_token }}
{%- endif %}
{%- endfor %})"},
}};

}  // namespace linnet::templates
