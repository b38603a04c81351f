#include "images.h"

#include <elf.h>

#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "call.h"
#include "kernels.h"
#include "settings.h"

namespace simulator {
namespace {

// NOTE [fat binary]
//
//     | header | entry | image | entry | image | ...
//
// As nvcc's fatbinary writes it; CUDA's headers document only the magic number, cuobjdump shows the rest.
struct FatHeader {
    uint32_t magic;
    uint16_t version;
    uint16_t header_bytes;
    uint64_t bytes;  // of what follows
};

struct FatEntry {
    uint16_t kind;
    uint16_t version;
    uint32_t header_bytes;
    uint64_t bytes;  // of the image, with padding
    uint32_t compressed_bytes;
    uint32_t options_offset;
    uint16_t minor, major;  // of what the image is written in: PTX 9.0
    uint32_t architecture;
    uint32_t name_offset, name_bytes;
    uint64_t flags;
    uint64_t reserved;
    uint64_t decompressed_bytes;  // 0 if it is not compressed
};
static_assert(sizeof(FatHeader) == 16 && sizeof(FatEntry) == 64);

constexpr uint32_t kFatMagic = 0xba55ed50;
constexpr uint16_t kPtx = 1, kMachineCode = 2;

template <class T>
T read(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// Sections of the kernels' machine code are named .text.<kernel>.
std::set<std::string> kernels_of_machine_code(const char* file) {
    auto header = read<Elf64_Ehdr>(file);
    auto section = [&](unsigned int i) { return read<Elf64_Shdr>(file + header.e_shoff + i * header.e_shentsize); };
    const char* names = file + section(header.e_shstrndx).sh_offset;
    std::set<std::string> kernels;
    for (unsigned int i = 0; i < header.e_shnum; i++) {
        std::string name = names + section(i).sh_name;
        if (name.rfind(".text.", 0) == 0) {
            kernels.insert(name.substr(6));
        }
    }
    return kernels;
}

/// The architecture is in the lowest byte of the flags, since CUDA 13 in the one above.
int architecture_of_machine_code(const char* file) {
    auto header = read<Elf64_Ehdr>(file);
    return static_cast<int>(header.e_flags >> (header.e_ident[EI_ABIVERSION] >= 8 ? 8 : 0) & 0xff);
}

std::set<std::string> kernels_of_ptx(std::string_view text) {
    constexpr std::string_view word = ".entry ";
    std::set<std::string> kernels;
    for (size_t at = text.find(word); at != text.npos; at = text.find(word, at)) {
        at += word.size();
        kernels.emplace(text.substr(at, text.find_first_of("( \n", at) - at));
    }
    return kernels;
}

/// Oldest driver that reads this PTX, in the numbers of cuDriverGetVersion; from the table of PTX ISA releases.
int driver_for_ptx(int major, int minor) {
    if (major >= 9) {
        return 13000 + 1000 * (major - 9) + 10 * minor;
    }
    if (major == 8) {
        return 12000 + 10 * (minor <= 5 ? minor : minor + 1);
    }
    return 11000 + 10 * minor;
}

CUresult check_ptx_version(int major, int minor) {
    return settings().driver_version >= driver_for_ptx(major, minor) ? CUDA_SUCCESS
                                                                     : failure(CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
                                                                               "PTX %d.%d is newer than the driver, %d",
                                                                               major,
                                                                               minor,
                                                                               settings().driver_version);
}

bool runs_machine_code(int architecture) {
    return architecture / 10 == settings().major && architecture % 10 <= settings().minor;
}

bool compiles_ptx(int architecture) { return architecture <= settings().major * 10 + settings().minor; }

CUresult no_binary(const std::string& has) {
    return failure(CUDA_ERROR_NO_BINARY_FOR_GPU,
                   "nothing for sm_%d%d: the image has%s",
                   settings().major,
                   settings().minor,
                   has.empty() ? " nothing" : has.c_str());
}

CUresult choose_of_fat_binary(const char* data, Image* chosen) {
    auto header = read<FatHeader>(data);
    const char* end = data + header.header_bytes + header.bytes;
    const char* best = nullptr;
    std::string has;
    for (const char* at = data + header.header_bytes; at < end;) {
        auto entry = read<FatEntry>(at);
        if (entry.header_bytes < sizeof entry || (entry.kind != kPtx && entry.kind != kMachineCode)) {
            return failure(CUDA_ERROR_INVALID_IMAGE, "the fat binary has an entry of kind %d", entry.kind);
        }
        int architecture = static_cast<int>(entry.architecture);
        bool is_ptx = entry.kind == kPtx;
        has += (is_ptx ? " compute_" : " sm_") + std::to_string(architecture);
        if (is_ptx ? compiles_ptx(architecture) : runs_machine_code(architecture)) {
            auto taken = best == nullptr ? FatEntry{} : read<FatEntry>(best);
            bool better = best == nullptr || entry.kind > taken.kind ||
                          (entry.kind == taken.kind && entry.architecture > taken.architecture);
            best = better ? at : best;
        }
        at += entry.header_bytes + entry.bytes;
    }
    if (best == nullptr) {
        return no_binary(has);
    }
    auto entry = read<FatEntry>(best);
    const char* image = best + entry.header_bytes;
    *chosen = {entry.kind == kPtx, static_cast<int>(entry.architecture), entry.decompressed_bytes == 0, {}};
    if (chosen->names_known) {
        chosen->kernels = chosen->is_ptx ? kernels_of_ptx({image, entry.bytes}) : kernels_of_machine_code(image);
    }
    return chosen->is_ptx ? check_ptx_version(entry.major, entry.minor) : CUDA_SUCCESS;
}

CUresult choose_ptx(const char* text, Image* chosen) {
    int major = 0, minor = 0, architecture = 0;
    const char* version = std::strstr(text, ".version");
    const char* target = std::strstr(text, ".target");
    if (version == nullptr || target == nullptr || std::sscanf(version, ".version %d.%d", &major, &minor) != 2 ||
        std::sscanf(target, ".target sm_%d", &architecture) != 1) {
        return failure(CUDA_ERROR_INVALID_IMAGE, "neither a fat binary nor machine code nor PTX");
    }
    if (!compiles_ptx(architecture)) {
        return no_binary(" compute_" + std::to_string(architecture));
    }
    *chosen = {true, architecture, true, kernels_of_ptx(text)};
    return check_ptx_version(major, minor);
}

}  // namespace

CUresult choose_image(const void* data, Image* chosen) {
    auto* bytes = static_cast<const char*>(data);
    if (bytes == nullptr) {
        return failure(CUDA_ERROR_INVALID_VALUE, "there is no image");
    }
    if (read<uint32_t>(bytes) == kFatMagic) {
        return choose_of_fat_binary(bytes, chosen);
    }
    if (std::memcmp(bytes, ELFMAG, SELFMAG) == 0) {
        int architecture = architecture_of_machine_code(bytes);
        if (!runs_machine_code(architecture)) {
            return no_binary(" sm_" + std::to_string(architecture));
        }
        *chosen = {false, architecture, true, kernels_of_machine_code(bytes)};
        return CUDA_SUCCESS;
    }
    return choose_ptx(bytes, chosen);
}

std::string stand_in_image() {
    std::string text = ".version 6.3\n.target sm_75\n.address_size 64\n";
    for (const Kernel& kernel : kernels()) {
        text += ".visible .entry " + std::string(kernel.name) + "() { ret; }\n";
    }
    text.resize((text.size() / 8 + 1) * 8);  // padded, with a NUL at least
    FatEntry entry = {};
    entry.kind = kPtx;
    entry.version = 0x101;
    entry.header_bytes = sizeof entry;
    entry.bytes = text.size();
    entry.major = 6;
    entry.minor = 3;
    entry.architecture = 75;
    FatHeader header = {kFatMagic, 1, sizeof header, sizeof entry + entry.bytes};
    return std::string(reinterpret_cast<char*>(&header), sizeof header) +
           std::string(reinterpret_cast<char*>(&entry), sizeof entry) + text;
}

}  // namespace simulator
