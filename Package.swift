// swift-tools-version: 6.2
import PackageDescription

/// Swift 6 language mode comes with the tools version; these are the features on top of it.
var settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

if Context.environment["CI"] != nil { settings.append(.treatAllWarnings(as: .error)) }

let package = Package(
    name: "tutorial-extension",
    products: [
        .executable(name: "tutorial-extension", targets: ["TutorialExtension"]),
        .library(name: "Osquery", targets: ["Osquery"]),
        .library(name: "OsqueryTesting", targets: ["OsqueryTesting"]),
        .library(name: "OsqueryServiceLifecycle", targets: ["OsqueryServiceLifecycle"]),
        .executable(name: "osquery-stand-in", targets: ["StandInManager"]),
    ],
    traits: [
        .default(enabledTraits: ["Gist"]),
        .trait(name: "ServiceLifecycle", description: "An extension as a service of a swift-service-lifecycle group"),
        .trait(name: "Gist", description: "The config plugin that reads GitHub gists, and the HTTP client it takes"),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CSignals"),
        .target(name: "SystemCalls", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "Thrift", dependencies: ["CLinux"], swiftSettings: settings),
        .target(
            name: "Osquery",
            dependencies: [
                "CLinux",
                "CSignals",
                "SystemCalls",
                "Thrift",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "OsqueryServiceLifecycle",
            dependencies: [
                "Osquery",
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        .target(
            name: "OsqueryTesting",
            dependencies: ["Osquery", "SystemCalls", "Thrift", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings),
        .executableTarget(
            name: "StandInManager",
            dependencies: [
                "Osquery", "OsqueryTesting", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .target(
            name: "Journal", dependencies: ["CLinux", "CSQLite", "CSystemd", "SystemCalls"], swiftSettings: settings),
        .target(name: "Systemd", dependencies: ["CSystemd", "SystemCalls"], swiftSettings: settings),
        .executableTarget(
            name: "TutorialExtension",
            dependencies: [
                "CLinux",
                "Journal",
                "Osquery",
                "SystemCalls",
                "Systemd",
                "Thrift",
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: .when(traits: ["Gist"])),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Gist"])),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: .when(traits: ["Gist"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Gist"])),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["Gist"])),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(name: "ThriftTests", dependencies: ["Thrift"], swiftSettings: settings),
        .testTarget(
            name: "OsqueryTests",
            dependencies: ["Osquery", "OsqueryTesting", "SystemCalls", "Thrift"],
            resources: [.copy("Fixtures")],
            swiftSettings: settings),
        .testTarget(name: "SystemdTests", dependencies: ["CSystemd", "Systemd"], swiftSettings: settings),
        .testTarget(
            name: "JournalTests", dependencies: ["CSystemd", "Journal", "SystemCalls"],
            swiftSettings: settings),
    ]
)

// `make docs` alone needs this.
if Context.environment["DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}

// `make fuzz` alone builds this: libFuzzer brings the main function.
if Context.environment["FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: ["CSystemd", "Journal", "Osquery", "SystemCalls", "Thrift"],
            path: "Tests/Fuzz",
            exclude: ["Corpora"],
            swiftSettings: settings + [.enableExperimentalFeature("Extern"), .unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}

// `make bench` alone builds this, with -enable-testing.
if Context.environment["BENCH"] != nil {
    package.dependencies.append(.package(url: "https://github.com/google/swift-benchmark", from: "0.1.2"))
    package.targets.append(
        .executableTarget(
            name: "MicroBenchmarks",
            dependencies: [
                "Journal", "Osquery", "SystemCalls", "Thrift", .product(name: "Benchmark", package: "swift-benchmark"),
            ],
            path: "Tests/Benchmarks/Micro",
            // The library declares its closures for Swift 5.
            swiftSettings: settings + [.swiftLanguageMode(.v5)]))
}
