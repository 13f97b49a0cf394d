// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver plug-in that is wrong in the way that a macro says.

#include <tinyc/driver.h>

#ifndef NO_ENTRY
static tinyc_code deviceCount(size_t *count, char *message) {
  (void)message;
  *count = 0;
  return TINYC_OK;
}

#ifdef TAKEN_NAME
// Functions that are never called.
#define ANY(MEMBER) .MEMBER = (void *)deviceCount
#endif

TINYC_DRIVER_EXPORT const tinyc_driver *tinyc_get_driver(void) {
  static const tinyc_driver driver = {
      .struct_size = sizeof(tinyc_driver),
#ifdef OTHER_VERSION
      .version = TINYC_DRIVER_VERSION + 1,
#else
      .version = TINYC_DRIVER_VERSION,
#endif
      .name = "cpu",
      .device_count = deviceCount,
#ifdef TAKEN_NAME
      ANY(open),
      ANY(close),
      ANY(allocate),
      ANY(release),
      ANY(load),
      ANY(unload),
      ANY(find_kernel),
      ANY(create_queue),
      ANY(destroy_queue),
      ANY(launch),
      ANY(upload),
      ANY(download),
      ANY(copy),
      ANY(fill),
      ANY(finish),
#endif
  };
  return &driver;
}
#else
int nothingHere;
#endif
