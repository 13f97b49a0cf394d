# CMake functions for those who extend tinyc: the same in tinyc's own tree and against an installation, where
# find_package(tinyc) brings them. docs/AddPass.md, AddOp.md and AddTarget.md use them.

# tinyc_add_plugin(NAME sources.. [DEPENDS targets..] [LINK libraries..])
# A plug-in of the compiler: NAME.so. It finds tinyc in libtinyc_compiler.so and LLVM in libLLVM.so, as the tools do. What
# is missing there is an error now, not when a tool loads it.
function(tinyc_add_plugin name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  foreach(library ${ARG_LINK})
    # A component of LLVM is a static library: with it, two LLVMs would meet in one process.
    if(library MATCHES "^(LLVM|MLIR|lld|clang)[A-Za-z0-9]+$")
      message(FATAL_ERROR "tinyc_add_plugin(${name}): ${library} would bring a second LLVM into the process; "
                          "all of LLVM and MLIR is in the shared libraries that a plug-in links already")
    endif()
  endforeach()
  add_library(${name} MODULE ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    CXX_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${name} SYSTEM PRIVATE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_options(${name} PRIVATE ${definitions})
  target_link_libraries(${name} PRIVATE tinyc::compiler ${ARG_LINK})
  if(NOT TINYC_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# tinyc_add_dialect(NAME FILE.td DIALECT)
# The ops and the dialect that FILE.td defines, as STEM.h.inc, STEM.cpp.inc, STEMDialect.h.inc and STEMDialect.cpp.inc in
# the current build folder, made by the target NAME.
macro(tinyc_add_dialect name file dialect)
  get_filename_component(tinyc_stem ${file} NAME_WE)
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS})
  set(LLVM_TARGET_DEFINITIONS ${file})
  mlir_tablegen(${tinyc_stem}.h.inc -gen-op-decls -dialect=${dialect})
  mlir_tablegen(${tinyc_stem}.cpp.inc -gen-op-defs -dialect=${dialect})
  mlir_tablegen(${tinyc_stem}Dialect.h.inc -gen-dialect-decls -dialect=${dialect})
  mlir_tablegen(${tinyc_stem}Dialect.cpp.inc -gen-dialect-defs -dialect=${dialect})
  add_public_tablegen_target(${name})
endmacro()

# tinyc_add_driver_plugin(NAME sources..)
# A driver of the runtime: NAME.so. It uses <tinyc/driver.h> alone and links nothing of tinyc.
function(tinyc_add_driver_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  get_target_property(include tinyc::runtime INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(${name} PRIVATE ${include})
  if(NOT TINYC_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()

# tinyc_add_driver_conformance(NAME DRIVER TARGET chip CODE file)
# A test of CTest that runs the conformance suite of all drivers on a driver plug-in. CODE is a module with the suite's
# kernels add, scale, accumulate, reached and fail in the driver's own form, for TARGET.
function(tinyc_add_driver_conformance name driver)
  cmake_parse_arguments(ARG "" "TARGET;CODE" "" ${ARGN})
  add_test(NAME ${name} COMMAND ${TINYC_TOOLS_DIR}/tinyc-driver-conformance --load-driver-plugin $<TARGET_FILE:${driver}>
           --target ${ARG_TARGET} --code ${ARG_CODE})
endfunction()

# tinyc_add_lit_tests(NAME FOLDER [PLUGINS targets..])
# A test of CTest that runs lit over FOLDER: RUN lines with FileCheck, the tools on the PATH, %NAME for each plug-in, and
# the features of tinyc_lit.py (ptxas, avx512, amx, emulators). FOLDER needs no configuration of its own; where it has a
# lit.local.cfg, lit reads it.
function(tinyc_add_lit_tests name folder)
  cmake_parse_arguments(ARG "" "" "PLUGINS" ${ARGN})
  get_filename_component(folder ${folder} ABSOLUTE)
  set(site ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(plugins "")
  foreach(plugin ${ARG_PLUGINS})
    string(APPEND plugins "('%${plugin}', '$<TARGET_FILE:${plugin}>'), ")
  endforeach()
  file(GENERATE OUTPUT ${site}/lit.cfg.py CONTENT "import sys
sys.path.insert(0, '${TINYC_LIT_DIR}')
import tinyc_lit
tinyc_lit.configure(config, lit_config, name='${name}', source='${folder}', build='${site}', tools='${TINYC_TOOLS_DIR}',
                    llvm_tools='${LLVM_TOOLS_BINARY_DIR}', emulators='${TINYC_EMULATORS_DIR}',
                    substitutions=[${plugins}])
")
  find_program(TINYC_LIT NAMES lit llvm-lit HINTS ${LLVM_TOOLS_BINARY_DIR})
  if(NOT TINYC_LIT)
    message(FATAL_ERROR "tinyc_add_lit_tests(${name}): lit is neither in ${LLVM_TOOLS_BINARY_DIR} nor on the PATH; "
                        "Debian has it in llvm-22-tools, PyPI as lit")
  endif()
  add_test(NAME ${name} COMMAND ${TINYC_LIT} -v ${site})
endfunction()
