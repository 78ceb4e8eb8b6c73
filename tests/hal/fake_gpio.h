// What a test may do to the chip that fake_gpio.c plays: found with dlsym, for the chip is preloaded.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// Wires an input: 0 or 1, or -1 to leave it floating, where its bias decides.
void fake_gpio_wire(unsigned line, int level);
// The voltage at the pin, 0 or 1.
int fake_gpio_level(unsigned line);
// The `nth` request of the kernel's interface from now on fails with `error`; 0 for none.
void fake_gpio_fail(int nth, int error);

#ifdef __cplusplus
}
#endif
