// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Subject",
    dependencies: [.package(name: "tutorial-extension", path: "../../..", traits: [])],
    targets: [
        .executableTarget(
            name: "Subject",
            dependencies: [.product(name: "Osquery", package: "tutorial-extension")],
            path: "Sources")
    ]
)
