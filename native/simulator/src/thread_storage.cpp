#include "thread_storage.h"

#include <link.h>

#include <cstddef>

namespace simulator {

void find_thread_storage(uint64_t* begin, uint64_t* bytes) {
    struct Search {
        uint64_t inside, begin, bytes;
    } search = {reinterpret_cast<uint64_t>(&find_thread_storage), 0, 0};
    dl_iterate_phdr(
        [](dl_phdr_info* library, size_t, void* data) {
            auto* search = static_cast<Search*>(data);
            bool ours = false;
            uint64_t bytes = 0;
            for (int i = 0; i < library->dlpi_phnum; i++) {
                const auto& segment = library->dlpi_phdr[i];
                uint64_t offset = search->inside - library->dlpi_addr - segment.p_vaddr;
                ours |= segment.p_type == PT_LOAD && offset < segment.p_memsz;
                bytes = segment.p_type == PT_TLS ? segment.p_memsz : bytes;
            }
            if (ours) {
                search->begin = reinterpret_cast<uint64_t>(library->dlpi_tls_data);
                search->bytes = bytes;
            }
            return ours ? 1 : 0;
        },
        &search);
    *begin = search.begin;
    *bytes = search.begin == 0 ? 0 : search.bytes;
}

}  // namespace simulator
