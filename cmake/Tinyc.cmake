# The few functions all folders build with.

add_library(tinyc-warnings INTERFACE)
target_compile_options(tinyc-warnings INTERFACE -Wall -Wextra -Wno-unused-parameter -Werror=return-type)
if(TINYC_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(TINYC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# What every file that uses MLIR needs: its headers (as system headers: their warnings are not ours) and the two
# shared libraries. One precompiled header serves all of them.
function(tinyc_use_mlir target)
  target_include_directories(${target} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE ${LLVM_DEFINITIONS_LIST})
  target_link_libraries(${target} PUBLIC MLIR LLVM)
  if(TARGET tinyc-pch AND NOT target STREQUAL "tinyc-pch")
    target_precompile_headers(${target} REUSE_FROM tinyc-pch)
    # The header is compiled with -fPIC, and an executable must agree with it.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE")
      set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${target} PRIVATE -fPIC)
    endif()
  endif()
endfunction()

# A program's defaults for the sanitizers it is built with.
function(tinyc_use_sanitizers target)
  if(TINYC_SANITIZE)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/cmake/SanitizerOptions.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# tinyc_library(NAME sources... [MLIR] [DEPENDS targets...] [LINK libraries...])
# A static library; with MLIR it also sees MLIR's headers and links libMLIR.so. In folders of the compiler it becomes a
# part of libtinyc_compiler.so as well, whose symbols plug-ins use.
function(tinyc_library name)
  cmake_parse_arguments(ARG "MLIR" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  if(TINYC_IN_COMPILER)
    set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET default)
    set_property(GLOBAL APPEND PROPERTY TINYC_COMPILER_PARTS ${name})
  endif()
  target_link_libraries(${name} PRIVATE tinyc-warnings PUBLIC ${ARG_LINK})
  if(ARG_MLIR)
    tinyc_use_mlir(${name})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# tinyc_tool(NAME sources... [MLIR] [LINK libraries...]): an executable in build/bin.
function(tinyc_tool name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE tinyc-warnings ${ARG_LINK})
  tinyc_use_sanitizers(${name})
  if(ARG_MLIR)
    tinyc_use_mlir(${name})
  endif()
endfunction()

# tinyc_fuzzer(NAME sources... [MLIR] [LINK libraries...]): a libFuzzer program in build/fuzz, of a build with TINYC_FUZZ.
function(tinyc_fuzzer name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  tinyc_tool(${name} ${ARG_UNPARSED_ARGUMENTS} LINK ${ARG_LINK})
  if(ARG_MLIR)
    tinyc_use_mlir(${name})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(tinyc-fuzzers ${name})
endfunction()

# tinyc_gtest(NAME sources... [MLIR] [LINK libraries...]): a GoogleTest program in build/tests, run by scripts/test.sh.
# The working directory of a test is the root of the source tree.
function(tinyc_gtest name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE tinyc-warnings GTest::gtest GTest::gtest_main ${ARG_LINK})
  tinyc_use_sanitizers(${name})
  target_compile_definitions(${name} PRIVATE TINYC_BUILD_DIR="${CMAKE_BINARY_DIR}")
  if(ARG_MLIR)
    tinyc_use_mlir(${name})
  endif()
  add_dependencies(tinyc-tests ${name})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()
