#if Gist
    /// Tells JSON from what is not, as RapidJSON does by default (rapidjson/reader.h): what osqueryd reads its configuration with.
    ///
    /// It accepts half a surrogate pair where it is the second half, and refuses numbers that no `Double` can hold. Nesting costs no stack.
    struct StrictJSON {
        private let text: [UInt8]
        private var position = 0

        init(_ text: [UInt8]) {
            self.text = text
        }

        /// The text around the place where reading ended.
        var excerpt: String {
            let place = min(position, text.count)
            let bytes = text[max(0, place - 20)..<min(text.count, place + 20)]
            // One line of a log, without what a terminal would obey.
            let words = bytes.split { $0 <= 0x20 || $0 == 0x7F }
            return String(decoding: Array(words.joined(separator: [0x20])), as: UTF8.self)
        }

        /// How deep the values in the object are nested that the text is, the object itself being the first level; nil where the text is
        /// not one object.
        mutating func objectDepth() -> Int? {
            // For each container that is open, whether it is an object.
            var open: [Bool] = []
            var depth = 0
            skipSpace()
            guard peek == UInt8(ascii: "{") else { return nil }
            repeat {
                // A value comes.
                depth = max(depth, open.count + 1)
                switch peek {
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    let isObject = peek == UInt8(ascii: "{")
                    position += 1
                    skipSpace()
                    if peek == Self.end(isObject) {
                        position += 1
                    } else {
                        open.append(isObject)
                        if isObject { guard takeName() else { return nil } }
                        continue
                    }
                case UInt8(ascii: "\""): guard takeString() else { return nil }
                case UInt8(ascii: "t"): guard take("true") else { return nil }
                case UInt8(ascii: "f"): guard take("false") else { return nil }
                case UInt8(ascii: "n"): guard take("null") else { return nil }
                default: guard takeNumber() else { return nil }
                }
                // What follows a value: the ends of containers, and a comma if one of them goes on.
                skipSpace()
                while let isObject = open.last, peek == Self.end(isObject) {
                    position += 1
                    open.removeLast()
                    skipSpace()
                }
                if let isObject = open.last {
                    guard take(",") else { return nil }
                    skipSpace()
                    if isObject { guard takeName() else { return nil } }
                }
            } while !open.isEmpty
            return position == text.count ? depth : nil
        }

        private static func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        }

        private static func end(_ isObject: Bool) -> UInt8 { isObject ? UInt8(ascii: "}") : UInt8(ascii: "]") }

        /// The next byte; 0, which is not in the text, at its end.
        private var peek: UInt8 { position < text.count ? text[position] : 0 }

        private mutating func take(_ expected: StaticString) -> Bool {
            let bytes = UnsafeBufferPointer(start: expected.utf8Start, count: expected.utf8CodeUnitCount)
            guard text[position...].starts(with: bytes) else { return false }
            position += bytes.count
            return true
        }

        private mutating func skipSpace() {
            while position < text.count, Self.isSpace(text[position]) { position += 1 }
        }

        /// Takes a member's name, the colon after it, and white space.
        private mutating func takeName() -> Bool {
            guard takeString() else { return false }
            skipSpace()
            guard take(":") else { return false }
            skipSpace()
            return true
        }

        private mutating func takeString() -> Bool {
            guard take("\"") else { return false }
            while position < text.count, text[position] >= 0x20 {
                position += 1
                switch text[position - 1] {
                case UInt8(ascii: "\""): return true
                case UInt8(ascii: "\\"): guard takeEscape() else { return false }
                default: break
                }
            }
            return false
        }

        /// Takes an escape, from after its backslash on.
        private mutating func takeEscape() -> Bool {
            if take("u") {
                guard let unit = takeHexadecimal() else { return false }
                guard UTF16.isLeadSurrogate(unit) else { return true }
                guard take("\\u"), let second = takeHexadecimal() else { return false }
                return UTF16.isTrailSurrogate(second)
            }
            guard "\"\\/bfnrt".utf8.contains(peek) else { return false }
            position += 1
            return true
        }

        private mutating func takeHexadecimal() -> UInt16? {
            var unit: UInt16 = 0
            for _ in 0..<4 {
                guard let digit = Character(UnicodeScalar(peek)).hexDigitValue else { return nil }
                unit = unit << 4 | UInt16(digit)
                position += 1
            }
            return unit
        }
    }

    // MARK: - Numbers

    extension StrictJSON {
        private var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(peek) }

        private mutating func takeDigits() -> Range<Int>? {
            let start = position
            while isDigit { position += 1 }
            return position > start ? start..<position : nil
        }

        private mutating func takeNumber() -> Bool {
            _ = take("-")
            let start = position
            guard let whole = takeDigits(), whole.count == 1 || text[start] != UInt8(ascii: "0") else { return false }
            var fraction: Range<Int>?
            if take(".") {
                fraction = takeDigits()
                if fraction == nil { return false }
            }
            var exponent = 0
            if take("e") || take("E") {
                let isNegative = take("-")
                if !isNegative { _ = take("+") }
                guard let digits = takeDigits() else { return false }
                for digit in text[digits] where exponent < 1 << 40 {
                    exponent = exponent * 10 + Int(digit - UInt8(ascii: "0"))
                }
                if isNegative { exponent = -exponent }
            }
            return isFinite(text[whole], text[fraction ?? 0..<0], exponent)
        }

        /// Whether RapidJSON can hold a number (rapidjson/reader.h, ParseNumber). It reads as many digits of the fraction as a `Double`
        /// takes, and refuses an exponent above 308 and their number, whatever the other digits are.
        private func isFinite(_ whole: ArraySlice<UInt8>, _ fraction: ArraySlice<UInt8>, _ exponent: Int) -> Bool {
            var value = 0.0
            for digit in whole { value = value * 10 + Double(digit - UInt8(ascii: "0")) }
            var significant = whole.count - 1
            var taken = 0
            for digit in fraction where significant < 17 {
                value = value * 10 + Double(digit - UInt8(ascii: "0"))
                taken += 1
                if value > 0 { significant += 1 }
            }
            guard exponent <= 308 + taken, value.isFinite else { return false }
            return exponent <= taken || (value * (Double("1e\(exponent - taken)") ?? .infinity)).isFinite
        }
    }
#endif
