#include "test.h"

int main() {
    test_driver();
    test_memory();
    test_streams();
    test_graphs();
    test_blocks();
    test_parity();
}
