#include "passes/4-tile/Tiling.h"
using namespace tinyc;
mlir::LogicalResult tinyc::tileContractionCpu(mlir::OpBuilder &b, const TiledFunction &f, Contraction &) {
  return tileStages(b, f);
}
