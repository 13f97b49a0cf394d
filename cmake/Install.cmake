# What `cmake --install` puts where. Everything is found from where it lies: a prefix may be moved as a whole.
#
#   bin/                    the tools
#   lib/                    libtinyc_compiler.so (plug-ins link it), libtinyc_runtime.so (programs that run .tinyc files do)
#   lib/tinyc/emulators/    drop-in drivers that execute GPU code on the CPU
#   include/tinyc/          the runtime's C headers
#   include/tinyc-compiler/ headers, TableGen files and generated code that plug-ins see
#   lib/cmake/tinyc/        find_package(tinyc)
#   share/tinyc/            the test kit, the documents and the sources that they link to, the examples
include(CMakePackageConfigHelpers)

set(TINYC_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/tinyc)
set(TINYC_INSTALL_EMULATORS ${CMAKE_INSTALL_LIBDIR}/tinyc/emulators)
set(TINYC_INSTALL_LIT ${CMAKE_INSTALL_DATADIR}/tinyc/lit)
set(TINYC_INSTALL_COMPILER_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/tinyc-compiler)

# Libraries: each beside those that it needs.
set_target_properties(tinyc-compiler-shared tinyc-runtime-shared PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS tinyc-compiler-shared EXPORT tinycCompilerTargets LIBRARY)
install(TARGETS tinyc-runtime-shared EXPORT tinycRuntimeTargets LIBRARY)
install(PROGRAMS $<TARGET_FILE:runtime-conformance-test> DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME tinyc-driver-conformance)
install(TARGETS tinyc-emulated-cuda tinyc-emulated-hip LIBRARY DESTINATION ${TINYC_INSTALL_EMULATORS})

# Headers.
install(DIRECTORY runtime/include/tinyc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
get_property(headers GLOBAL PROPERTY TINYC_PUBLIC_HEADERS)
foreach(header ${headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${TINYC_INSTALL_COMPILER_HEADERS}/${folder})
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/dialects ${PROJECT_BINARY_DIR}/passes
  DESTINATION ${TINYC_INSTALL_COMPILER_HEADERS} FILES_MATCHING PATTERN "*.h.inc" PATTERN "CMakeFiles" EXCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/lib/Plugins/AbiHash.h DESTINATION ${TINYC_INSTALL_COMPILER_HEADERS}/lib/Plugins)

# Packages.
install(EXPORT tinycCompilerTargets NAMESPACE tinyc:: DESTINATION ${TINYC_INSTALL_CMAKE})
install(EXPORT tinycRuntimeTargets NAMESPACE tinyc:: DESTINATION ${TINYC_INSTALL_CMAKE})
configure_package_config_file(cmake/tinycConfig.cmake.in ${PROJECT_BINARY_DIR}/tinycConfig.cmake
  INSTALL_DESTINATION ${TINYC_INSTALL_CMAKE}
  PATH_VARS CMAKE_INSTALL_BINDIR TINYC_INSTALL_EMULATORS TINYC_INSTALL_LIT)
# Before 1.0 every version is an interface of its own.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tinycConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tinycConfig.cmake ${PROJECT_BINARY_DIR}/tinycConfigVersion.cmake
  cmake/TinycPlugins.cmake DESTINATION ${TINYC_INSTALL_CMAKE})
file(RELATIVE_PATH TINYC_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/tinyc-runtime.pc.in ${PROJECT_BINARY_DIR}/tinyc-runtime.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tinyc-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The test kit and what to read.
install(FILES test/kit/tinyc_lit.py lib/Onnx/onnx.proto DESTINATION ${TINYC_INSTALL_LIT})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc FILES_MATCHING PATTERN "*.md")
# The sources that they link to, at the same place beside them; the examples are there anyway.
file(GLOB documents CONFIGURE_DEPENDS docs/*.md)
set(linked "")
foreach(document ${documents})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${document})
  file(READ ${document} text)
  string(REPLACE "](../" "<link>" text "${text}") # brackets would join the elements of a list
  string(REGEX MATCHALL "<link>[A-Za-z0-9_./-]+" links "${text}")
  list(TRANSFORM links REPLACE "^<link>" "")
  list(APPEND linked ${links})
endforeach()
list(FILTER linked EXCLUDE REGEX "^examples/")
list(REMOVE_DUPLICATES linked)
foreach(path ${linked})
  get_filename_component(folder ${path} DIRECTORY)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${path})
    install(DIRECTORY ${path} DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc/${folder})
  else()
    install(FILES ${path} DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc/${folder})
  endif()
endforeach()
install(FILES examples/CMakeLists.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc/examples)
install(DIRECTORY examples/pass_plugin examples/op_plugin examples/gpu_pass examples/target_plugin
  DESTINATION ${CMAKE_INSTALL_DATADIR}/tinyc/examples)
