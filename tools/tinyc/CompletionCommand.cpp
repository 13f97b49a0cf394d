// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc completion: scripts for bash and zsh, made from the tables of commands and options.
//
//   source <(tinyc completion bash)

#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/ShellWords.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;
using llvm::StringRef;

static std::string commandNames() {
  return llvm::join(llvm::map_range(commands(), [](const Command &command) { return StringRef(command.name); }), " ");
}

// Words that stand for the command's operand; none where it is a file or a folder.
static std::string operandWords(const Command &command) {
  StringRef operands = command.operands;
  if (operands.empty() || operands.contains_insensitive("model") || operands.contains_insensitive("dir"))
    return "";
  std::string words = operands.str();
  llvm::replace(words, '|', ' ');
  return words;
}

static void printBash(llvm::raw_ostream &os) {
  os << R"(# bash completion for tinyc; made by `tinyc completion bash`
_tinyc() {
  local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ')"
     << commandNames() << R"( --help --version' -- "$word"))
    return
  fi
  # bash splits at '=': --option=value, NAME=@FILE.
  if [[ $word == @* ]]; then
    COMPREPLY=($(compgen -f -P @ -- "${word#@}"))
    return
  fi
  [ "$word" = = ] && word=
  [ "$last" = = ] && last=${COMP_WORDS[COMP_CWORD-2]}
  case $last in
)";
  for (const Option &option : options()) {
    if (!option.value || *option.value == '[')
      continue;
    os << "  " << option.name << ") ";
    if (option.choices == kFiles)
      os << "COMPREPLY=($(compgen -f -- \"$word\"));";
    else if (option.choices == kFolders)
      os << "COMPREPLY=($(compgen -d -- \"$word\"));";
    else if (!option.choices.empty())
      os << "COMPREPLY=($(compgen -W " << shellQuoted(option.choices) << " -- \"$word\"));";
    os << " return ;;\n";
  }
  os << "  esac\n  case $command in\n";
  for (const Command &command : commands()) {
    os << "  " << command.name << ") words=" << shellQuoted(std::string(command.options) + " --help") << " ;;\n";
  }
  os << "  esac\n  if [[ $word == -* ]]; then\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n    return\n"
     << "  fi\n  case $command in\n";
  for (const Command &command : commands())
    if (std::string words = operandWords(command); !words.empty())
      os << "  " << command.name << ") COMPREPLY=($(compgen -W " << shellQuoted(words)
         << " -- \"$word\")); return ;;\n";
  os << "  esac\n  COMPREPLY=($(compgen -f -- \"$word\"))\n}\ncomplete -o filenames -F _tinyc tinyc\n";
}

// In a specification of _arguments, brackets and colons end a part.
static std::string specified(StringRef text) {
  std::string result;
  for (char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\')
      result += '\\';
    result += c;
  }
  return result;
}

static std::string zshOption(const Option &option) {
  std::string spec = std::string("*") + option.name;
  if (option.value && *option.value != '[')
    spec += StringRef(option.name).starts_with("--") ? "=" : "";
  spec += "[" + specified(option.help) + "]";
  if (!option.value || *option.value == '[')
    return spec;
  spec += ":" + specified(option.value) + ":";
  if (option.choices == kFiles)
    spec += "_files";
  else if (option.choices == kFolders)
    spec += "_files -/";
  else if (!option.choices.empty())
    spec += "(" + specified(option.choices) + ")";
  return spec;
}

static void printZsh(llvm::raw_ostream &os) {
  os << "#compdef tinyc\n# zsh completion for tinyc; made by `tinyc completion zsh`\n_tinyc() {\n"
     << "  local -a commands\n  commands=(\n";
  for (const Command &command : commands())
    os << "    " << shellQuoted(std::string(command.name) + ":" + specified(command.summary)) << "\n";
  os << "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
     << "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const Command &command : commands()) {
    os << "  " << command.name << ") _arguments";
    for (const Option &option : options())
      if (takes(command, option.name))
        os << " \\\n      " << shellQuoted(zshOption(option));
    os << " \\\n      '--help[list the options]'";
    if (std::string words = operandWords(command); !words.empty())
      os << " " << shellQuoted(":shell:(" + words + ")");
    else if (*command.operands)
      os << " " << shellQuoted(std::string("*:") + specified(command.operands) + ":_files");
    os << " ;;\n";
  }
  os << "  esac\n}\n[ \"$funcstack[1]\" = _tinyc ] && _tinyc \"$@\" || compdef _tinyc tinyc\n";
}

int tinyc::runCompletion(const Arguments &arguments) {
  if (arguments.files[0] == "bash")
    return printBash(llvm::outs()), kDone;
  if (arguments.files[0] == "zsh")
    return printZsh(llvm::outs()), kDone;
  llvm::errs() << "tinyc: no completion for '" << arguments.files[0] << "': expected bash or zsh\n";
  return kUsage;
}
