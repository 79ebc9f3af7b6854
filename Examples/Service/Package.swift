// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "ClockService",
    dependencies: [
        // In a package of your own: .package(url:from:traits:), as in README.md.
        .package(name: "tutorial-extension", path: "../..", traits: ["ServiceLifecycle"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "ClockService",
            dependencies: [
                .product(name: "Osquery", package: "tutorial-extension"),
                .product(name: "OsqueryServiceLifecycle", package: "tutorial-extension"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources")
    ]
)
