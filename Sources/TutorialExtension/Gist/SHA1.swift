#if Gist
    /// SHA-1 (RFC 3174), by which osqueryd names its configuration. It protects nothing.
    enum SHA1 {
        /// The hash in hexadecimal digits.
        static func hexadecimal(_ text: String) -> String {
            digest(Array(text.utf8)).map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 8 - digits.count) + digits
            }.joined()
        }

        private static func digest(_ message: [UInt8]) -> [UInt32] {
            var hash: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
            var padded = message + [0x80]
            padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
            padded += (0..<8).map { UInt8(truncatingIfNeeded: (8 * message.count) >> (56 - 8 * $0)) }
            var words = [UInt32](repeating: 0, count: 80)
            for block in stride(from: 0, to: padded.count, by: 64) {
                for index in 0..<80 {
                    if index < 16 {
                        let byte = block + 4 * index
                        words[index] = UInt32(padded[byte]) << 24 | UInt32(padded[byte + 1]) << 16
                        words[index] |= UInt32(padded[byte + 2]) << 8 | UInt32(padded[byte + 3])
                    } else {
                        let word = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
                        words[index] = rotate(word, 1)
                    }
                }
                add(words, to: &hash)
            }
            return hash
        }

        private static func add(_ words: [UInt32], to hash: inout [UInt32]) {
            var (a, b, c, d, e) = (hash[0], hash[1], hash[2], hash[3], hash[4])
            for (index, word) in words.enumerated() {
                let (mixed, constant): (UInt32, UInt32) =
                    switch index {
                    case ..<20: (b & c | ~b & d, 0x5A82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                    case ..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                (a, b, c, d, e) = (rotate(a, 5) &+ mixed &+ e &+ word &+ constant, a, rotate(b, 30), c, d)
            }
            for (index, value) in [a, b, c, d, e].enumerated() { hash[index] &+= value }
        }

        private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
    }
#endif
