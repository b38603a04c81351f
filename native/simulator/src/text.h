// How the control functions hand out text.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

namespace simulator {

inline size_t copy_text(const std::string& text, char* buffer, size_t bytes) {
    if (bytes > 0) {
        size_t copied = std::min(text.size(), bytes - 1);
        std::memcpy(buffer, text.data(), copied);
        buffer[copied] = '\0';
    }
    return text.size();
}

}  // namespace simulator
