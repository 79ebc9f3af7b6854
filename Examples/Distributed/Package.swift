// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "OneQuestion",
    dependencies: [
        // In a package of your own: .package(url:from:traits:), as in README.md.
        .package(name: "tutorial-extension", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "OneQuestion",
            dependencies: [.product(name: "Osquery", package: "tutorial-extension")],
            path: "Sources")
    ]
)
