// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Step 2 of fusion: which roots share a kernel. Roots are taken in the order of the function. Each joins the kernel of
// a root that it reads, or one that reads the same tensors over the same domain, if
//
// - it reads what the kernel computes only inside its own work unit: at d0, d1, .. of the dimensions along which the
//   kernel is cut, which are the kept dimensions of the reductions in it (rows), or all dimensions. Pointwise values
//   are reindexed so that this holds: a softmax along the first axis is walked column by column. A table that data
//   points into is computed by another kernel,
// - a contraction starts a kernel of its own; only pointwise values over the same dimensions follow it,
// - no other kernel would have to run both before and after it,
// - the kernel stays of a size that compiles quickly,
// - the cost model finds it worth the units.

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"
#include "passes/2-fuse/ScalarBody.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

namespace {
// A root's place in a kernel.
struct Fit {
  SmallVector<int64_t> shared;             ///< what the kernel is then cut along
  std::optional<Reindexing> root, members; ///< the order in which the root, and what is there already, are walked
};

class Grouper {
public:
  explicit Grouper(FusionPlan &plan) : plan(plan) {}
  void run();

private:
  bool staysInUnit(const Root &root, unsigned kernel, unsigned count);
  std::optional<Fit> fit(const Root &root, const KernelPlan &kernel, unsigned index);
  bool isWorthIt(const Root &root, unsigned kernel, const Fit &fit, int64_t own);
  bool reaches(Value from, ArrayRef<unsigned> targets);
  bool staysSmall(const KernelPlan &kernel, unsigned ops, unsigned tensors);
  bool joinable(const Root &root, unsigned kernel, unsigned merged);
  bool mergeable(const Root &root, unsigned into, unsigned from);
  int64_t savedBytes(const Root &root, unsigned kernel);
  SmallVector<unsigned> candidates(const Root &root);
  void join(unsigned root, unsigned kernel, ArrayRef<int64_t> shared);
  void remark(const Root &root, const Twine &text) {
    if (plan.remarks)
      root.value.getDefiningOp()->emitRemark() << text.str();
  }

  FusionPlan &plan;
  llvm::DenseMap<Value, SmallVector<unsigned, 4>> readers; // kernels that read an outside tensor
};
} // namespace

static bool beginsWithIdentity(AffineMap map, unsigned count) {
  if (map.getNumResults() < count || map.getNumDims() < count)
    return false;
  for (unsigned i = 0; i < count; ++i)
    if (map.getResult(i) != getAffineDimExpr(i, map.getContext()))
      return false;
  return true;
}

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

// What the reads of the kernel's members by `root` say of each of the first `count` dimensions that `from` has at a
// read: one expression each, the same for all; empty if there is no read, nothing if they differ.
static std::optional<SmallVector<AffineExpr>> agree(FusionPlan &plan, const Root &root, unsigned kernel, unsigned count,
                                                    function_ref<AffineExpr(AffineMap, const Root &, unsigned)> from) {
  SmallVector<AffineExpr> found;
  for (const Read &read : root.reads) {
    Root *producer = plan.find(read.value);
    if (!producer || producer->kernel != kernel)
      continue;
    if (read.lookup)
      return std::nullopt;
    AffineMap map = producer->positionOf(read.map, root.domain);
    SmallVector<AffineExpr> here;
    for (unsigned i = 0; i < count; ++i) {
      here.push_back(from(map, *producer, i));
      if (!here.back())
        return std::nullopt;
    }
    if (!found.empty() && found != here)
      return std::nullopt;
    found = here;
  }
  return found;
}

// Whether `root` reads `kernel`'s members only at its own first `count` dimensions, as they are after reindexing, and
// under masks of the others alone.
bool Grouper::staysInUnit(const Root &root, unsigned kernel, unsigned count) {
  for (const Read &read : root.reads) {
    Root *producer = plan.find(read.value);
    if (!producer || producer->kernel != kernel)
      continue;
    if (read.lookup || !beginsWithIdentity(producer->positionOf(read.map, root.domain), count))
      return false;
    for (unsigned d = 0; read.mask != IntegerSet() && d < count; ++d)
      if (llvm::any_of(read.mask.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(d); }))
        return false;
  }
  return true;
}

// How `root` fits into `kernel`; nothing if it does not.
std::optional<Fit> Grouper::fit(const Root &root, const KernelPlan &kernel, unsigned index) {
  MLIRContext *context = root.value.getContext();
  Fit fit;
  fit.shared = kernel.shared;
  if (root.contraction || (kernel.contraction && root.reduce))
    return std::nullopt;
  if (!root.reduce) {
    auto leading = agree(plan, root, index, fit.shared.size(),
                         [](AffineMap map, const Root &, unsigned i) { return map.getResult(i); });
    if (!leading)
      return std::nullopt;
    if (leading->empty()) {
      if (root.domain.size() < fit.shared.size() ||
          ArrayRef<int64_t>(root.domain).take_front(fit.shared.size()) != ArrayRef<int64_t>(fit.shared))
        return std::nullopt;
    } else {
      fit.root = reindex(context, root.domain, *leading, fit.shared);
      if (!fit.root)
        return std::nullopt;
    }
    if (kernel.contraction && (fit.root ? fit.root->domain : root.domain) != fit.shared)
      return std::nullopt;
  } else if (kernel.reduces) {
    // Fewer dimensions than the kernel is cut along: a sum over its rows.
    if (fit.shared.size() < root.parallel || ArrayRef<int64_t>(fit.shared).take_front(root.parallel) != root.kept())
      return std::nullopt;
    fit.shared.assign(root.kept().begin(), root.kept().end());
  } else {
    auto leading = agree(plan, root, index, root.parallel, [&](AffineMap map, const Root &producer, unsigned dim) {
      return coordinateOf(dim, map, root.domain, producer.domain);
    });
    if (!leading)
      return std::nullopt;
    if (leading->empty() && root.parallel != 0) {
      if (fit.shared.size() < root.parallel || ArrayRef<int64_t>(fit.shared).take_front(root.parallel) != root.kept())
        return std::nullopt;
    } else {
      fit.members = reindex(context, fit.shared, *leading, root.kept());
      if (!fit.members)
        return std::nullopt;
      // An order of the dimensions that all members share says nothing of those that some have beside them.
      if (!fit.members->toValue.isIdentity() && llvm::any_of(kernel.roots, [&](unsigned member) {
            return plan.roots[member].domain.size() != fit.shared.size();
          }))
        return std::nullopt;
    }
    fit.shared.assign(root.kept().begin(), root.kept().end());
  }
  // Held against the kernel as it would be.
  Root moved = root;
  if (fit.root)
    moved.reindexBy(*fit.root);
  std::vector<std::pair<unsigned, Root>> kept;
  if (fit.members && !fit.members->toValue.isIdentity())
    for (unsigned member : kernel.roots) {
      kept.emplace_back(member, plan.roots[member]);
      plan.roots[member].reindexBy(*fit.members);
    }
  bool fits = staysInUnit(moved, index, fit.shared.size());
  for (auto &[member, before] : kept) {
    fits &= staysInUnit(plan.roots[member], index, fit.shared.size());
    plan.roots[member] = std::move(before);
  }
  return fits ? std::optional<Fit>(std::move(fit)) : std::nullopt;
}

// Whether the value `from` waits for one of the kernels `targets`; also if that is too far to tell. Loops and choices
// lie on the way as kernels do.
bool Grouper::reaches(Value from, ArrayRef<unsigned> targets) {
  unsigned earliest = ~0u; // nothing before the first root of the targets can need them
  for (unsigned target : targets)
    earliest = std::min(earliest, plan.kernels[target].roots.front());
  llvm::SmallDenseSet<unsigned> seen;
  llvm::SmallPtrSet<Operation *, 8> control;
  SmallVector<Value> work{from};
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Root *producer = plan.find(value);
    if (!producer) {
      if (Operation *op = value.getDefiningOp(); isControl(op) && control.insert(op).second)
        llvm::append_range(work, op->getOperands());
    } else if (llvm::is_contained(targets, producer->kernel)) {
      return true;
    } else if (plan.kernels[producer->kernel].roots.back() >= earliest && seen.insert(producer->kernel).second) {
      llvm::append_range(work, plan.kernels[producer->kernel].reads);
    }
    if (seen.size() + control.size() > kFarKernels)
      return true;
  }
  return false;
}

// Whether no kernel that `root` needs has itself to wait for `kernel` (or for `merged`, which is to be part of it).
bool Grouper::joinable(const Root &root, unsigned kernel, unsigned merged) {
  return llvm::none_of(root.reads, [&](const Read &read) {
    Root *producer = plan.find(read.value);
    bool direct = producer && (producer->kernel == kernel || producer->kernel == merged);
    return !direct && reaches(read.value, {kernel, merged});
  });
}

// Whether `kernel` stays of a size that compiles quickly when so many ops join it, which read and compute `tensors`.
bool Grouper::staysSmall(const KernelPlan &kernel, unsigned ops, unsigned tensors) {
  return kernel.ops + ops <= kMostOps && kernel.reads.size() + kernel.roots.size() + tensors <= kMostBuffers;
}

bool Grouper::mergeable(const Root &root, unsigned into, unsigned from) {
  const KernelPlan &a = plan.kernels[into], &b = plan.kernels[from];
  if (a.contraction || b.contraction || a.shared != b.shared || !staysSmall(a, b.ops, b.reads.size() + b.roots.size()))
    return false;
  for (unsigned kernel : {into, from})
    for (unsigned member : plan.kernels[kernel].roots) {
      if (!staysInUnit(plan.roots[member], kernel == into ? from : into, a.shared.size()))
        return false;
      if (!joinable(plan.roots[member], into, from))
        return false;
    }
  return joinable(root, into, from);
}

// Traffic that goes away when the root is computed in the kernel: what it reads of it, and what both read.
int64_t Grouper::savedBytes(const Root &root, unsigned kernel) {
  int64_t bytes = 0;
  for (const Read &read : root.reads) {
    Root *producer = plan.find(read.value);
    bool both = producer && producer->kernel == kernel;
    both |= plan.kernels[kernel].reads.contains(read.value);
    bytes += both ? byteCount(read.value.getType()) : 0;
  }
  return bytes;
}

// Kernels that the root reads from, or that read what it reads; those that save most first.
SmallVector<unsigned> Grouper::candidates(const Root &root) {
  SmallVector<std::pair<int64_t, unsigned>> found;
  auto add = [&](unsigned kernel) {
    if (llvm::none_of(found, [&](auto &f) { return f.second == kernel; }))
      found.emplace_back(-savedBytes(root, kernel), kernel);
  };
  for (const Read &read : root.reads) {
    if (Root *producer = plan.find(read.value))
      add(producer->kernel);
    auto it = readers.find(read.value);
    if (it == readers.end() || byteCount(read.value.getType()) * 4 < byteCount(root.value.getType()))
      continue;
    for (unsigned kernel : ArrayRef(it->second).take_back(4)) // siblings stand close together
      if (!plan.kernels[kernel].contraction && llvm::any_of(plan.kernels[kernel].roots, [&](unsigned r) {
            return plan.roots[r].domain == root.domain && !plan.roots[r].contraction;
          }))
        add(kernel);
  }
  llvm::sort(found);
  return llvm::map_to_vector(found, [](auto &f) { return f.second; });
}

void Grouper::join(unsigned index, unsigned kernel, ArrayRef<int64_t> shared) {
  KernelPlan &into = plan.kernels[kernel];
  Root &root = plan.roots[index];
  root.kernel = kernel;
  into.roots.push_back(index);
  into.shared.assign(shared.begin(), shared.end());
  into.contraction |= root.contraction;
  into.reduces |= static_cast<bool>(root.reduce);
  into.ops += root.ops;
  for (const Read &read : root.reads)
    if (into.reads.insert(read.value))
      readers[read.value].push_back(kernel);
}

// Whether the cost model wants `root` in the kernel; says why not.
bool Grouper::isWorthIt(const Root &root, unsigned kernel, const Fit &fit, int64_t own) {
  int64_t saved = savedBytes(root, kernel), units = product(fit.shared), points = product(root.domain);
  const KernelPlan &into = plan.kernels[kernel];
  bool worth;
  if (root.reduce && into.reduces && fit.shared.size() < into.shared.size()) {
    for (unsigned member : into.roots)
      points = std::max(points, product(plan.roots[member].domain));
    worth = isWorthFewerUnits(units, points, product(into.shared));
  } else {
    worth = isWorthItsUnits(units, points, saved, own);
  }
  if (!worth)
    remark(root, "not fused: " + Twine(units) + " units are too few for " + Twine(points) +
                     " points, and it would save " + Twine(saved) + " of " + Twine(own) + " bytes only");
  return worth;
}

void Grouper::run() {
  for (unsigned index = 0; index < plan.roots.size(); ++index) {
    Root &root = plan.roots[index];
    ScalarBody body(plan, root.domain, /*builder=*/nullptr);
    body.define(root);
    root.ops = body.getOps().size();
    for (const BodyRead &read : body.getReads())
      root.reads.push_back({read.value, read.map, read.mask, read.lookup});
    int64_t own = byteCount(root.value.getType());
    for (const Read &read : root.reads)
      own += byteCount(read.value.getType());

    std::optional<unsigned> joined;
    for (unsigned kernel : candidates(root)) {
      if (!joined && !staysSmall(plan.kernels[kernel], root.ops, root.reads.size() + 1)) {
        remark(root, "not fused: the kernel would compile slowly");
        continue;
      }
      std::optional<Fit> fits = fit(root, plan.kernels[kernel], kernel);
      if (!fits)
        continue;
      if (!joined) {
        if (!joinable(root, kernel, kernel) || !isWorthIt(root, kernel, *fits, own))
          continue;
        if (fits->members)
          for (unsigned member : plan.kernels[kernel].roots)
            plan.roots[member].reindexBy(*fits->members);
        if (fits->root)
          root.reindexBy(*fits->root);
        join(index, kernel, fits->shared);
        joined = kernel;
        remark(root, "fused: saves " + Twine(savedBytes(root, kernel)) + " of " + Twine(own) + " bytes");
      } else if (mergeable(root, *joined, kernel)) {
        KernelPlan &from = plan.kernels[kernel];
        for (unsigned member : from.roots) {
          for (const Read &read : plan.roots[member].reads)
            llvm::erase(readers[read.value], kernel);
          SmallVector<int64_t> same = plan.kernels[*joined].shared;
          join(member, *joined, same);
        }
        from = KernelPlan();
        llvm::sort(plan.kernels[*joined].roots);
      }
    }
    if (!joined) {
      plan.kernels.emplace_back();
      join(index, plan.kernels.size() - 1, root.kept());
      remark(root, root.contraction ? "starts a kernel: a contraction" : "starts a kernel");
    }
  }
  for (Root &root : plan.roots) {
    root.reachesOut |= root.returned;
    for (const Read &read : root.reads)
      if (Root *producer = plan.find(read.value); producer && producer->kernel != root.kernel)
        producer->reachesOut = true;
  }
}

void groupRoots(FusionPlan &plan) { Grouper(plan).run(); }

} // namespace tinyc::fusion
