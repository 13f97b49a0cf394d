// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which commands of a list have to wait for which, from the bytes that they touch, and whether their dependencies say
// so. The writer of an artefact derives dependencies with it, its reader checks them; both take time in proportion to
// the list, not to its pairs: a command has to wait for those that touched its bytes last, and these for earlier ones.
//
//   LastTouches last;
//   last.touch(command, bytes, [](LastTouches::Toucher earlier, Hazard hazard) { .. });

#ifndef TINYC_RUNTIME_SCHEMA_COMMANDORDER_H
#define TINYC_RUNTIME_SCHEMA_COMMANDORDER_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace tinyc {

/// Bytes [begin, end) of one storage that a command touches.
struct Touch {
  uint64_t storage, begin, end;
  bool reads, writes;
  uint32_t buffer;

  bool overlaps(const Touch &other) const { return storage == other.storage && begin < other.end && other.begin < end; }
};

enum class Hazard { ReadAfterWrite, WriteAfterRead, WriteAfterWrite };

/// Who touched each byte last: who wrote it, and who has read it since.
class LastTouches {
public:
  struct Toucher {
    uint32_t command, buffer;
  };

  /// Adds what `command` touches, and calls `wait(Toucher, Hazard)` for the other commands that it has to wait for.
  /// Commands come in the order of their list.
  template <typename Wait> void touch(uint32_t command, const Touch &touch, Wait wait) {
    if (touch.begin >= touch.end)
      return;
    Pieces &pieces = storages[touch.storage];
    splitAt(pieces, touch.begin);
    splitAt(pieces, touch.end);
    auto piece = pieces.lower_bound(touch.begin);
    auto report = [&](const Piece &found) {
      steps += 1 + (touch.writes ? found.readers.size() : 0);
      for (const Toucher &writer : found.writer)
        if (writer.command != command)
          wait(writer, touch.reads ? Hazard::ReadAfterWrite : Hazard::WriteAfterWrite);
      if (touch.writes)
        for (const Toucher &reader : found.readers)
          if (reader.command != command)
            wait(reader, Hazard::WriteAfterRead);
    };
    Toucher self{command, touch.buffer};
    if (touch.writes) {
      auto first = piece;
      for (; piece != pieces.end() && piece->first < touch.end; ++piece)
        report(piece->second);
      pieces.erase(first, piece);
      pieces.emplace(touch.begin, Piece{touch.end, {self}, {}});
      return;
    }
    for (uint64_t at = touch.begin; at < touch.end; ++piece) {
      if (piece == pieces.end() || piece->first > at) {
        uint64_t end = piece == pieces.end() ? touch.end : std::min(touch.end, piece->first);
        piece = pieces.emplace(at, Piece{end, {}, {}}).first;
      }
      report(piece->second);
      std::vector<Toucher> &readers = piece->second.readers;
      if (readers.empty() || readers.back().command != command)
        readers.push_back(self);
      at = piece->second.end;
    }
  }

  /// A measure of the time that all this has taken: it is out of proportion where many commands read many pieces.
  uint64_t stepsTaken() const { return steps; }

private:
  struct Piece {
    uint64_t end;
    std::vector<Toucher> writer; ///< none before the first
    std::vector<Toucher> readers;
  };
  using Pieces = std::map<uint64_t, Piece>; ///< by where they begin

  void splitAt(Pieces &pieces, uint64_t at) {
    auto after = pieces.upper_bound(at);
    if (after == pieces.begin())
      return;
    auto piece = std::prev(after);
    if (piece->first == at || piece->second.end <= at)
      return;
    Piece rest = piece->second;
    steps += rest.readers.size();
    piece->second.end = at;
    pieces.emplace_hint(after, at, std::move(rest));
  }

  std::unordered_map<uint64_t, Pieces> storages;
  uint64_t steps = 0;
};

/// The order that dependencies give the commands of a list.
class CommandOrder {
public:
  explicit CommandOrder(size_t count) : dependencies(count), seen(count, 0) {}

  void add(uint32_t command, uint32_t earlier) { dependencies[command].push_back(earlier); }

  /// Whether `command` waits for `earlier`, perhaps through others; false too if no more than `most` commands that lie
  /// between have been looked at. `looked` grows by their number.
  bool waits(uint32_t command, uint32_t earlier, uint64_t most, uint64_t &looked) {
    ++mark;
    std::vector<uint32_t> work{command};
    for (uint64_t count = 0; !work.empty() && count < most; ++count, ++looked) {
      const std::vector<uint32_t> &next = dependencies[work.back()];
      work.pop_back();
      for (uint32_t each : next) {
        if (each == earlier)
          return true;
        if (each < earlier || seen[each] == mark)
          continue;
        seen[each] = mark;
        work.push_back(each);
      }
    }
    return false;
  }

private:
  std::vector<std::vector<uint32_t>> dependencies;
  std::vector<uint64_t> seen;
  uint64_t mark = 0;
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SCHEMA_COMMANDORDER_H
